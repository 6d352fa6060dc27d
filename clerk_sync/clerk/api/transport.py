"""Requests to the Backend API: rate-limited, and retried within a budget."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import TypeVar
from urllib.parse import urlencode

from clerk_sync.clerk.api.rate_limiter import RateLimiter
from clerk_sync.clerk.api.responses import accepted_body
from clerk_sync.clerk.errors import ApiUnavailableError, NotJsonError, RetryableError
from clerk_sync.clerk.http import MIB, HttpClient

T = TypeVar("T")
Parameters = Iterable[tuple[str, str | int]]

API_VERSION = "2026-05-12"
PERIOD_S = 10.0
LIVE_REQUESTS, TEST_REQUESTS = 1000, 100  # in a period, for one instance
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 8.0
SHORTEST_TIMEOUT_S = 0.1
LARGEST_BODY = 64 * MIB  # several times 500 users with all the metadata that Clerk allows

log = logging.getLogger(__name__)


def limiter_for(
    secret_key: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> RateLimiter:
    """Return a limiter with Clerk's limit for the instance of ``secret_key``."""
    requests_per_period = LIVE_REQUESTS if secret_key.startswith("sk_live_") else TEST_REQUESTS
    return RateLimiter(requests_per_period, PERIOD_S, clock=clock, sleep=sleep)


class Transport:
    """Sends requests to the Backend API; safe to share between threads.

    ``sleep`` may raise to end a wait at once; the caller gets its exception. Give ``limiter`` the same ``sleep``.
    """

    def __init__(
        self,
        api_url: str,
        secret_key: str,
        *,
        limiter: RateLimiter,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = random.random,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        budget_s: float = 60.0,
        connections: int = 32,
    ) -> None:
        if not secret_key.isascii() or not secret_key.isprintable():
            # The HTTP library would raise an error that quotes the header.
            raise ValueError("the secret key has characters that no header can carry")
        self._client = HttpClient(
            f"{api_url.rstrip('/')}/v1",
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {secret_key}",
                "Clerk-API-Version": API_VERSION,
            },
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            largest_body=LARGEST_BODY,
            size=connections,
            clock=clock,
        )
        self._limiter = limiter
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._budget_s = budget_s

    def get(self, path: str, parameters: Parameters = (), *, parse: Callable[[bytes], T]) -> T:
        """Return ``parse`` of the body at ``path``; retry while that can help and the budget lasts.

        Each attempt calls ``parse``. NotJsonError means that the body was cut off, and causes a retry.
        Raises ApiRefusedError if a retry would change nothing, ApiUnavailableError when the budget is used up.
        """
        query = urlencode([*parameters])
        target = f"{path}?{query}" if query else path
        give_up_at = math.inf
        for attempt in count(1):
            with self._limiter.slot():
                # The budget starts with the first request: the wait for our own rate limiter is not a failure.
                give_up_at = min(give_up_at, self._clock() + self._budget_s)
                timeout_s = max(give_up_at - self._clock(), SHORTEST_TIMEOUT_S)
                try:
                    return parse(accepted_body(self._client.request("GET", target, timeout_s=timeout_s)))
                except NotJsonError:
                    failure = RetryableError("answered with a body that is cut off or not JSON")
                except RetryableError as error:
                    failure = error
            wait_s = failure.wait_s or self._backoff_s(attempt)
            if self._clock() + wait_s >= give_up_at:
                break
            log.warning("%s: %s; retrying in %.1f s", path, failure, wait_s)
            if failure.stops_all_requests:
                self._limiter.pause(wait_s)
            else:
                self._sleep(wait_s)
        raise ApiUnavailableError(
            f"{self._client.base_url}{path}: gave up after {attempt} attempts; the last: {failure}"
        )

    def close(self) -> None:
        """Close the open connections."""
        self._client.close()

    def _backoff_s(self, attempt: int) -> float:
        longest_s = min(FIRST_BACKOFF_S * 2.0 ** min(attempt - 1, 10), LONGEST_BACKOFF_S)
        return longest_s * (0.5 + self._jitter() / 2)
