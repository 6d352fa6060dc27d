"""A rate limiter that all threads of a run share."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

IN_FLIGHT_POLL_S = 0.05


class RateLimiter:
    """Allows ``requests`` in any ``period_s`` seconds. They may all start at once.

    A slot is free again one period after its response arrived. If the period began with the request, a slow network
    could deliver more requests to the server in one period than it allows. ``sleep`` may raise to stop waiting.
    """

    def __init__(
        self,
        requests: int,
        period_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._requests = requests
        self._period_s = period_s
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._in_flight = 0
        self._finished_at: deque[float] = deque()
        self._paused_until = 0.0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot, and hold it until the response has arrived."""
        while (wait_s := self._claim_slot()) is not None:
            self._sleep(wait_s)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
                self._finished_at.append(self._clock())

    def pause(self, seconds: float) -> None:
        """Start no request for ``seconds``; a longer pause that is in force stays."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _claim_slot(self) -> float | None:
        """Take a slot and return None, or return how long to wait before the next try."""
        with self._lock:
            now = self._clock()
            while self._finished_at and self._finished_at[0] + self._period_s <= now:
                self._finished_at.popleft()
            if self._paused_until > now:
                return self._paused_until - now
            if self._in_flight + len(self._finished_at) < self._requests:
                self._in_flight += 1
                return None
            return self._finished_at[0] + self._period_s - now if self._finished_at else IN_FLIGHT_POLL_S
