"""Keyset pagination: ``limit`` is the page's size, ``cursor`` the key of the last row before the page.

A cursor is opaque to clients, and its content is validated.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from flask import request
from msgspec import Meta

from clerk_sync import Problem

K = TypeVar("K", bound=tuple[Any, ...])

DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100

NextCursor = Annotated[str | None, Meta(description="Send it as `cursor` for the next page. Null on the last page.")]


def paged(default_limit: int = DEFAULT_LIMIT) -> tuple[dict[str, Any], ...]:
    """Return the query parameters of a list that is served in pages, for ``describe``."""
    limit = {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": default_limit}
    cursor = "The `next_cursor` of the previous page. Leave it out for the first page."
    return (
        {"name": "limit", "in": "query", "description": "The most items to return.", "schema": limit},
        {"name": "cursor", "in": "query", "description": cursor, "schema": {"type": "string"}},
    )


def read_limit(default: int = DEFAULT_LIMIT) -> int:
    """Return the limit of the request; raise 422 unless it is a whole number from 1 to 100."""
    text = request.args.get("limit", str(default))
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= HIGHEST_LIMIT:
        raise Problem(422, "limit-invalid", f"limit must be a whole number from 1 to {HIGHEST_LIMIT}.")
    return int(text)


def read_cursor(key: type[K]) -> K | None:
    """Return the key in the request's cursor, or None without one; raise 422 if the cursor is not valid for ``key``."""
    text = request.args.get("cursor")
    if text is None:
        return None
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found: K = msgspec.json.decode(decoded, type=key)
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        raise Problem(422, "cursor-invalid", "cursor must be a next_cursor of this list.") from None
    return found


def cursor_of(key: Sequence[object] | None) -> str | None:
    """Return the cursor of the page after ``key``."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode() if key is not None else None
