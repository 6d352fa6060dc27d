"""One JSON decoder for all input: tokens, webhooks, request bodies, responses of Clerk, key sets and files.

A lone surrogate or broken UTF-8 in a string becomes U+FFFD. A number that fits neither a double nor a 64-bit integer is
a wrong value, and so is nesting that is too deep. Both have no effect in a field that is not read. Otherwise users
could make themselves unreadable with their own metadata, and their ban would never arrive here.

1. msgspec decodes the text as it is. It skips fields that the type does not have.
2. If msgspec refuses, replace lone surrogates and broken UTF-8, and check that the text is JSON.
3. Replace huge integers by UNREADABLE. If the nesting is too deep for msgspec, replace the deep parts as well.
4. msgspec decodes the result. If it refuses again, the text is JSON of another shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from msgspec import DecodeError, MsgspecError, Raw
from msgspec.json import Decoder

from clerk_sync.clerk.errors import NotJsonError

T = TypeVar("T")

UNREADABLE = b"1e999"
"""Replaces a value that cannot be read. It decodes to infinity as Any, and is a wrong value for every other type."""

LEVELS = 64
"""The depth at which deep texts are cut. The fields that we read are at most five levels deep."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"?'  # an unclosed string ends with the text: otherwise each quote searches the rest
_LONE = rb"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HUGE = rb"[1-9]\d{309,}+(?![\d.eE])"  # an integer beyond every double

# Each matches a run of valid text, or one invalid part as ``bad``.
_LONE_SURROGATE = re.compile(rb"(?:[^\\]++|%b|\\(?!%b).)++|(?P<bad>\\%b)" % (_PAIR, _LONE, _LONE), re.DOTALL)
_HUGE_INTEGER = re.compile(rb'(?:[^"\d]++|%b|(?!%b)\d[\d.eE+-]*+)++|(?P<bad>%b)' % (_STRING, _HUGE, _HUGE), re.DOTALL)
_BRACKET = re.compile(rb"%b|(?P<open>[\[{])|(?P<close>[\]}])" % _STRING, re.DOTALL)

_syntax = Decoder(Raw)


class JsonDecoder(Generic[T]):
    """Decodes JSON as one type, and skips fields that the type does not have."""

    @overload
    def __init__(self: JsonDecoder[T], shape: type[T]) -> None: ...
    @overload
    def __init__(self: JsonDecoder[Any], shape: Any) -> None: ...
    def __init__(self, shape: Any) -> None:
        # Without the hook msgspec refuses 1e400 even for Any. float makes it infinity.
        self._decode: Callable[[bytes | Raw], T] = Decoder(shape, float_hook=float).decode

    def decode(self, raw: bytes | Raw) -> T:
        """Return ``raw`` as the type.

        Raises msgspec's ValidationError for JSON of another shape, NotJsonError if it is not JSON.
        """
        try:
            return self._decode(raw)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            text = _replace_broken_text(bytes(raw))
        try:
            # A typed decoder stops at the first wrong field. The rest has to be JSON as well.
            _require_json(text)
            return self._decode(_replace_huge_integers(text))
        except RecursionError:
            return self._decode(_replace_huge_integers(_replace_depths(text)))


def _replace_broken_text(raw: bytes) -> bytes:
    text = raw.decode("utf-8", "replace").encode()
    return _LONE_SURROGATE.sub(lambda found: rb"\ufffd" if found["bad"] else found[0], text)


def _replace_huge_integers(text: bytes) -> bytes:
    return _HUGE_INTEGER.sub(lambda found: UNREADABLE if found["bad"] else found[0], text)


def _replace_depths(text: bytes) -> bytes:
    """Cut ``text`` at every LEVELS levels. Each part has to be JSON, and becomes UNREADABLE in the part around it."""
    around: list[list[bytes]] = []
    part: list[bytes] = []
    start = level = 0
    for bracket in _BRACKET.finditer(text):
        if bracket.lastgroup == "open":
            level += 1
            if level > LEVELS and level % LEVELS == 1:
                around.append([*part, text[start : bracket.start()]])
                part, start = [], bracket.start()
        elif bracket.lastgroup == "close":
            if around and level % LEVELS == 1:
                _require_json(b"".join((*part, text[start : bracket.end()])))
                part, start = [*around.pop(), UNREADABLE], bracket.end()
            level -= 1
    if around:
        raise NotJsonError("an array or object is not closed")
    cut = b"".join((*part, text[start:]))
    _require_json(cut)
    return cut


def _require_json(text: bytes) -> None:
    try:
        _syntax.decode(text)
    except DecodeError as error:
        raise NotJsonError(str(error)) from None
