"""What a form came to, told on the next page: carried by a signed cookie, read once."""

from __future__ import annotations

import base64
from enum import StrEnum

import msgspec
from flask import Response, request
from msgspec import Struct, field

from clerk_sync.web import clerk_urls
from clerk_sync.web.console.signing import is_signed, sign

COOKIE = "console_notice"
PATH = "/console"
KEPT_S = 300
LONGEST_TEXT = 800
_PURPOSE = "notice"


class Tone(StrEnum):
    """How it went."""

    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"


class Notice(Struct):
    """A sentence, and figures that belong to it."""

    tone: Tone
    text: str
    facts: list[tuple[str, str]] = field(default_factory=list)


def flash(notice: Notice, at: str) -> Response:
    """Return the redirect to the page ``at``, which will show ``notice``."""
    notice.text = notice.text[:LONGEST_TEXT]
    body = base64.urlsafe_b64encode(msgspec.json.encode(notice)).decode()
    response = Response(status=303)
    response.headers["Location"] = at
    signed = f"{body}.{sign(_PURPOSE, body)}"
    secure = clerk_urls.has_tls()
    response.set_cookie(COOKIE, signed, KEPT_S, path=PATH, httponly=True, samesite="Lax", secure=secure)
    return response


def find_notice() -> Notice | None:
    """Return what is to be told on this page, or None; what somebody else wrote is nothing."""
    body, _, signature = request.cookies.get(COOKIE, "").partition(".")
    if not body or not is_signed(_PURPOSE, body, signature):
        return None
    return msgspec.json.decode(base64.urlsafe_b64decode(body), type=Notice)


def forget_notice(response: Response) -> None:
    """Let ``response`` take the notice from the browser: it has been read."""
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, path=PATH)
