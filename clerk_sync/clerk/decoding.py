"""JSON into types: strict about what we read, indifferent to the rest.

A user writes his own unsafe_metadata. If nesting it a thousand levels deep were enough to make him unreadable, his ban
would never arrive here. So what we do not read may look as it likes.
"""

from __future__ import annotations

import re
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from clerk_sync.clerk.errors import NotJsonError

T = TypeVar("T")
Body = bytes | memoryview

DEEPEST_LEVEL = 64  # what a mirror reads lies at most five levels deep

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: kept
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",  # every other escape is stepped over as a whole: \\ud800 is a backslash and a word
    re.DOTALL,
)
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def decode(decoder: Decoder[T], raw: Body | Raw) -> T:
    """Return ``raw`` as the decoder's type, mended first where the decoder cannot read it as it is.

    Raises msgspec's ValidationError for JSON of another shape, NotJsonError for what is no JSON.
    """
    try:
        return decoder.decode(raw)
    except ValidationError:
        raise
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_mended(decoder, bytes(raw))


def _decode_mended(decoder: Decoder[T], raw: bytes) -> T:
    try:
        return decoder.decode(mend_json(raw))
    except ValidationError:
        raise
    except DecodeError as error:
        raise NotJsonError(str(error)) from None


def mend_json(raw: bytes) -> bytes:
    """Return ``raw`` with lone surrogates and broken UTF-8 as U+FFFD, and null for what nests below DEEPEST_LEVEL."""
    text = raw.decode("utf-8", "replace").encode()
    return _without_depths(_ESCAPE.sub(_replace_lone_surrogate, text))


def _replace_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def _without_depths(raw: bytes) -> bytes:
    kept, start, level = [], 0, 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        mark = token[0]
        if mark in (b"[", b"{"):
            level += 1
            if level == DEEPEST_LEVEL + 1:
                kept.append(raw[start : token.start()])
        elif mark in (b"]", b"}"):
            if level == DEEPEST_LEVEL + 1:
                kept.append(b"null")
                start = token.end()
            level -= 1
    # What is still open down there never closes: the rest would only repeat it.
    return b"".join(kept if level > DEEPEST_LEVEL else [*kept, raw[start:]])
