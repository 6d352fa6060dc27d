"""Clerk's rate limit."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from clerk_sync.emulator.errors import ClerkApiError


class RateLimit:
    """Allows ``requests`` in each window of ``window_s`` seconds and rejects the rest."""

    def __init__(self, requests: int, window_s: float, clock_s: Callable[[], float]) -> None:
        self.requests = requests
        self.window_s = window_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._window_ends_at_s = -math.inf
        self._used = 0

    def check(self) -> None:
        """Count a request; raise the 429 with its Retry-After if the limit is exceeded."""
        with self._lock:
            now_s = self._clock_s()
            if now_s >= self._window_ends_at_s:
                self._window_ends_at_s, self._used = now_s + self.window_s, 0
            self._used += 1
            if self._used <= self.requests:
                return
            wait_s = math.ceil(self._window_ends_at_s - now_s)
        text = "Too many requests. Please try again in a bit."
        raise ClerkApiError(429, "too_many_requests", text, retry_after_s=wait_s)
