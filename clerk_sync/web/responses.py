"""JSON responses, encoded by msgspec."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta

from clerk_sync.web.problems import NO_STORE as NO_STORE

encode = msgspec.json.Encoder().encode

Instant = Annotated[datetime, Meta(tz=True)]


def json_response(body: object, status: int = 200) -> Response:
    """Return ``body`` (structs, dataclasses, dicts) as JSON for one user: caches must not store it."""
    return Response(encode(body), status, [NO_STORE], content_type="application/json")


def public_json_response(body: object) -> Response:
    """Return ``body`` as JSON that is the same for every client."""
    return Response(encode(body), content_type="application/json")
