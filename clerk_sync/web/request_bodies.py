"""Request bodies: JSON of a known shape, or the problem that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from flask import request
from msgspec import ValidationError

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from clerk_sync.web.problems import Problem

T = TypeVar("T")

_decoder: Callable[[Any], JsonDecoder[Any]] = cache(JsonDecoder)


def decode_body(shape: type[T]) -> T:
    """Return the body of the request as ``shape``; fields that the shape does not have are passed over.

    415 for what is not sent as JSON, 413 for too much of it, 400 for what is none, 422 for another shape: the detail
    names the field and what it should have been, never what it was.
    """
    if not request.is_json:
        raise Problem(415, "not-json", "The body has to be sent as application/json.")
    decoder: JsonDecoder[T] = _decoder(shape)
    try:
        return decoder.decode(request.get_data(cache=False))
    except NotJsonError:
        raise Problem(400, "not-json", "The body is not JSON.") from None
    except ValidationError as error:
        raise Problem(422, "body-invalid", f"{_without_value(str(error))}.") from None


def _without_value(message: str) -> str:
    return re.sub(r"^(Invalid enum value) .*?( - at `[^`]*`)?$", r"\1\2", message, flags=re.DOTALL)
