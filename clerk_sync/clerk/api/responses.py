"""The meaning of a response: accepted, refused for good, or worth a retry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct, ValidationError

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import ApiRefusedError, NotJsonError, RetryableError
from clerk_sync.clerk.http import HttpResponse, one_line

LONGEST_DETAIL = 300


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
