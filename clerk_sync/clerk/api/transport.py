"""Requests to the Backend API: rate-limited, and retried within a budget.

1. Wait for a slot of the rate limiter, which all threads of a run share.
2. Send the request. A 2xx response with complete JSON is the result.
3. A response that another attempt may change (408, 429, 5xx, a cut-off body) is retried after a pause: the server's
   Retry-After, or an exponential backoff with jitter. A 429 pauses all threads.
4. Any other response is an error at once, with Clerk's code.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from threading import Lock
from typing import TypeVar
from urllib.parse import urlencode

from msgspec import Struct, ValidationError

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import ApiRefusedError, ApiUnavailableError, NotJsonError, RetryableError
from clerk_sync.clerk.http import MIB, HttpClient, HttpResponse, one_line

T = TypeVar("T")
Parameters = Iterable[tuple[str, str | int]]

API_VERSION = "2026-05-12"
PERIOD_S = 10.0
LIVE_REQUESTS, TEST_REQUESTS = 1000, 100  # in a period, for one instance
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 8.0
SHORTEST_TIMEOUT_S = 0.1
LARGEST_BODY = 64 * MIB  # several times 500 users with all the metadata that Clerk allows
IN_FLIGHT_POLL_S = 0.05
LONGEST_DETAIL = 300

log = logging.getLogger(__name__)


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


class _Error(Struct):
    code: str = "unknown"
    message: str = ""
    long_message: str | None = None


class _Errors(Struct):
    errors: list[_Error] = []
    clerk_trace_id: str | None = None


_errors = JsonDecoder(_Errors)


def accepted_body(response: HttpResponse) -> bytes:
    """Return the body of a 2xx response; raise RetryableError or ApiRefusedError, with Clerk's code, for any other."""
    status = response.status
    if 200 <= status < 300:
        return response.body
    code, detail = _clerk_error(response)
    if status == 429:
        raise RetryableError(f"answered 429 {code}", wait_s=retry_after_s(response.headers), stops_all_requests=True)
    if status >= 500 or status == 408:
        raise RetryableError(f"answered {status} {code}", wait_s=retry_after_s(response.headers))
    if 300 <= status < 400:
        raise ApiRefusedError(status, "redirect", "the server redirects to another address")
    raise ApiRefusedError(status, code, detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``, given as a number or as a date; None if it is absent or useless."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9]) or None
    date = _http_date(text)
    if date is None:
        return None
    # Use the server's clock if the response has a Date: ours may be wrong.
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max((date - now).total_seconds(), 0.0) or None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _clerk_error(response: HttpResponse) -> tuple[str, str]:
    try:
        body = _errors.decode(response.body)
    except (ValidationError, NotJsonError):
        return "unknown", "the response is not one of Clerk's errors: is there a proxy in between?"
    error = body.errors[0] if body.errors else _Error()
    trace = body.clerk_trace_id or response.headers.get("cf-ray")
    detail = (error.long_message or error.message) + (f" (trace {trace})" if trace else "")
    return one_line(error.code)[:60], one_line(detail)[:LONGEST_DETAIL]
