"""Flash messages: the result of a form, shown once on the next page, carried by a signed cookie."""

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
    """The colour of a notice."""

    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"


class Notice(Struct):
    """A sentence, and named figures below it."""

    tone: Tone
    text: str
    facts: list[tuple[str, str]] = field(default_factory=list)


def flash(notice: Notice, at: str) -> Response:
    """Return a redirect to the page ``at``, which shows ``notice``."""
    notice.text = notice.text[:LONGEST_TEXT]
    body = base64.urlsafe_b64encode(msgspec.json.encode(notice)).decode()
    response = Response(status=303)
    response.headers["Location"] = at
    signed = f"{body}.{sign(_PURPOSE, body)}"
    secure = clerk_urls.has_tls()
    response.set_cookie(COOKIE, signed, KEPT_S, path=_path(), httponly=True, samesite="Lax", secure=secure)
    return response


def find_notice() -> Notice | None:
    """Return the notice for this page, or None. A cookie with a wrong signature counts as none."""
    body, _, signature = request.cookies.get(COOKIE, "").partition(".")
    if not body or not is_signed(_PURPOSE, body, signature):
        return None
    return msgspec.json.decode(base64.urlsafe_b64decode(body), type=Notice)


def forget_notice(response: Response) -> None:
    """Delete the notice's cookie in the browser."""
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, path=_path())


def _path() -> str:
    return request.root_path + PATH
