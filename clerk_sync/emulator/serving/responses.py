"""JSON responses, successes and errors."""

from __future__ import annotations

import msgspec
from werkzeug.wrappers import Response

from clerk_sync.emulator.errors import ClerkApiError


def json_response(value: object, status: int = 200) -> Response:
    """Return ``value`` as an ``application/json`` response."""
    return Response(msgspec.json.encode(value), status, mimetype="application/json")


def error_response(error: ClerkApiError, trace_id: str) -> Response:
    """Return the response for an error."""
    response = json_response(error.body(trace_id), error.status)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response
