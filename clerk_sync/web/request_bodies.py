"""JSON request bodies, decoded and validated."""

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
    """Return the request's body as ``shape``. Unknown fields are ignored.

    Raises Problem: 415 for another content type, 413 if it is too large, 400 if it is not JSON, 422 if it does not
    match ``shape``. The detail names the field and the expected type, never the value.
    """
    if not request.is_json:
        raise Problem(415, "not-json", "Send the body as application/json.")
    decoder: JsonDecoder[T] = _decoder(shape)
    try:
        return decoder.decode(request.get_data(cache=False))
    except NotJsonError:
        raise Problem(400, "not-json", "The body is not JSON.") from None
    except ValidationError as error:
        raise Problem(422, "body-invalid", f"{_without_value(str(error))}.") from None


def _without_value(message: str) -> str:
    return re.sub(r"^(Invalid enum value) .*?( - at `[^`]*`)?$", r"\1\2", message, flags=re.DOTALL)
