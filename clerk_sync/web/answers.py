"""JSON answers, encoded once by msgspec."""

from __future__ import annotations

import msgspec
from flask import Response

_encode = msgspec.json.Encoder().encode


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body`` (structs, dataclasses, dicts) as an application/json answer."""
    return Response(_encode(body), status, content_type="application/json")
