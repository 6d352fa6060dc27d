"""What an answer of the Backend API means: accepted, refused for good, or worth asking again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct, ValidationError

from clerk_sync.clerk.decoding import Body, JsonDecoder
from clerk_sync.clerk.errors import ApiRefusedError, NotJsonError

LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that arrived whole."""

    status: int
    headers: Mapping[str, str]
    body: Body


class RetryableError(Exception):
    """No answer, or one that may differ next time; ``wait_s`` where the server names the time."""

    def __init__(self, reason: str, *, wait_s: float | None = None, everybody: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.everybody = everybody


class _Error(Struct):
    code: str = "unknown"
    message: str = ""
    long_message: str | None = None


class _Errors(Struct):
    errors: list[_Error] = []
    clerk_trace_id: str | None = None


_errors = JsonDecoder(_Errors)


def accepted_body(answer: Answer) -> Body:
    """Return the body of a good answer; raise TryAgain or ApiRefused, with Clerk's code, for any other."""
    status = answer.status
    if 200 <= status < 300:
        return answer.body
    code, detail = _clerk_error(answer)
    if status == 429:
        raise RetryableError(f"answered 429 {code}", wait_s=retry_after_s(answer.headers), everybody=True)
    if status >= 500 or status == 408:
        raise RetryableError(f"answered {status} {code}", wait_s=retry_after_s(answer.headers))
    if 300 <= status < 400:
        # Followed, it would carry the secret key to wherever it points.
        raise ApiRefusedError(status, "redirect", "the address of the Backend API points elsewhere")
    raise ApiRefusedError(status, code, detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``, given as a number or as a date; None where it says nothing useful."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9]) or None
    date = _http_date(text)
    if date is None:
        return None
    # The server's own clock, where it shows it: only then does its date mean a duration.
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max((date - now).total_seconds(), 0.0) or None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _clerk_error(answer: Answer) -> tuple[str, str]:
    try:
        body = _errors.decode(answer.body)
    except (ValidationError, NotJsonError):
        return "unknown", "the answer carries no error of Clerk's: is there a proxy in between?"
    error = body.errors[0] if body.errors else _Error()
    trace = body.clerk_trace_id or answer.headers.get("cf-ray")
    detail = (error.long_message or error.message) + (f" (trace {trace})" if trace else "")
    return one_line(error.code)[:60], one_line(detail)[:LONGEST_DETAIL]


def one_line(text: str) -> str:
    """Fit for a log and a terminal, and without a key that a talkative proxy might quote."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(r"sk_(test|live)_\S+", r"sk_\1_…", printable)
