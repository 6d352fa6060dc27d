"""Request bodies: JSON of a known shape, or the problem that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from flask import request
from msgspec.json import Decoder

from clerk_sync.web.errors import Problem

T = TypeVar("T")

_decoder: Callable[[Any], Decoder[Any]] = cache(Decoder)
_any_decoder = Decoder()


def decode_body(shape: type[T]) -> T:
    """Return the body of the request as ``shape``; fields that the shape does not have are passed over.

    415 for what is not sent as JSON, 413 for too much of it, 400 for what is none, 422 for another shape: the detail
    names the field and what it should have been, never what it was.
    """
    if not request.is_json:
        raise Problem(415, "not-json", "The body has to be sent as application/json.")
    data = request.get_data(cache=False)
    decoder: Decoder[T] = _decoder(shape)
    try:
        return _decode(decoder, data)
    except msgspec.ValidationError as error:
        # A typed decoder stops at the first wrong field: whether the rest is JSON at all is still to be seen.
        _decode(_any_decoder, data)
        raise Problem(422, "body-invalid", f"{_without_value(str(error))}.") from None


def _decode(decoder: Decoder[T], data: bytes) -> T:
    try:
        decoded: T = decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "not-json", "The body is not JSON.") from None
    return decoded


def _without_value(message: str) -> str:
    return re.sub(r"^(Invalid enum value) .*?( - at `[^`]*`)?$", r"\1\2", message, flags=re.DOTALL)
