"""JSON in requests and responses."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from flask import Response, request
from werkzeug.exceptions import BadRequest

from clerk_sync import Problem

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode

# On every response for one user. A shared cache would send it to the next user.
NO_STORE = ("Cache-Control", "no-store")


def read_body(shape: type[T]) -> T:
    """Return the request's body as ``shape``. Unknown fields are ignored.

    Raises Problem: 415 for another content type, 400 if it is not JSON, 422 if it does not match ``shape``. The detail
    names the field and the expected type, never the value. Flask raises 413 if it is too large.
    """
    if not request.is_json:
        raise Problem(415, "not-json", "Send the body as application/json.")
    try:
        return msgspec.convert(request.get_json(cache=False), shape)
    except BadRequest:
        raise Problem(400, "not-json", "The body is not JSON.") from None
    except msgspec.ValidationError as error:
        raise Problem(422, "body-invalid", f"{_without_value(str(error))}.") from None


def _without_value(message: str) -> str:
    return re.sub(r"^(Invalid enum value) .*?( - at `[^`]*`)?$", r"\1\2", message, flags=re.DOTALL)


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body`` (structs, dataclasses, dicts) as JSON for one user: caches must not store it."""
    return Response(_encode(body), status, [NO_STORE], content_type="application/json")


def public_json_response(body: object) -> Response:
    """Return ``body`` as JSON that is the same for every client."""
    return Response(_encode(body), content_type="application/json")
