"""The way to the Backend API: under the rate limit, and patient within a budget."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from clerk_sync.clerk.api.http import Connection, Parameters
from clerk_sync.clerk.api.rate_limiter import RateLimiter
from clerk_sync.clerk.api.responses import Answer, RetryableError, accepted_body
from clerk_sync.clerk.decoding import Body
from clerk_sync.clerk.errors import ApiUnavailableError, NotJsonError

T = TypeVar("T")

PERIOD_S = 10.0
LIVE_REQUESTS, TEST_REQUESTS = 1000, 100  # in a period, for one instance
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 8.0

log = logging.getLogger(__name__)


def limiter_for(
    secret_key: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> RateLimiter:
    """Return a limiter with what Clerk allows the instance of ``secret_key``."""
    requests_per_period = LIVE_REQUESTS if secret_key.startswith("sk_live_") else TEST_REQUESTS
    return RateLimiter(requests_per_period, PERIOD_S, clock=clock, sleep=sleep)


class Transport:
    """Ask the Backend API from any number of threads, as one client.

    ``sleep`` may raise to end the waiting at once; what it raises passes through. ``limiter`` should have the same.
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
        self._connection = Connection(
            api_url, secret_key, clock=clock, timeouts_s=(connect_timeout_s, read_timeout_s), size=connections
        )
        self._limiter = limiter
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._budget_s = budget_s

    def get(self, path: str, parameters: Parameters = (), *, parse: Callable[[Body], T]) -> T:
        """Return ``parse`` of the body at ``path``, asking again while that can help and the budget lasts.

        ``parse`` belongs to the attempt: where it raises NotJsonError the body was torn, and is asked for again.
        Raises ApiRefused where asking again would change nothing, ApiUnavailable when the budget is used up.
        """

        def use(answer: Answer) -> T:
            return parse(accepted_body(answer))

        give_up_at = math.inf
        for attempt in count(1):
            with self._limiter.slot():
                # From the first request on: waiting for a slot of our own is no failure.
                give_up_at = min(give_up_at, self._clock() + self._budget_s)
                try:
                    return self._connection.get(path, parameters, until=give_up_at, use=use)
                except NotJsonError:
                    failure = RetryableError("answered with a body that is torn or no JSON")
                except RetryableError as error:
                    failure = error
            wait_s = failure.wait_s or self._backoff_s(attempt)
            if self._clock() + wait_s >= give_up_at:
                break
            log.warning("%s: %s; asking again in %.1f s", path, failure, wait_s)
            if failure.everybody:
                self._limiter.pause(wait_s)
            else:
                self._sleep(wait_s)
        raise ApiUnavailableError(
            f"{self._connection.base_url}{path}: gave up after {attempt} attempts; the last: {failure}"
        )

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._connection.close()

    def _backoff_s(self, attempt: int) -> float:
        longest_s = min(FIRST_BACKOFF_S * 2.0 ** min(attempt - 1, 10), LONGEST_BACKOFF_S)
        return longest_s * (0.5 + self._jitter() / 2)
