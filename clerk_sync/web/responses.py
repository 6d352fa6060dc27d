"""JSON answers, encoded once by msgspec."""

from __future__ import annotations

import msgspec
from flask import Response

_encode = msgspec.json.Encoder().encode


NO_STORE = ("Cache-Control", "no-store")
"""For whatever is said to somebody: a cache on the way would say it to the next one, too."""


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body`` (structs, dataclasses, dicts) as an application/json answer that nobody may keep."""
    return Response(_encode(body), status, [NO_STORE], content_type="application/json")


def public_json_response(body: object) -> Response:
    """Return ``body`` as an application/json answer that is the same for everybody."""
    return Response(_encode(body), content_type="application/json")
