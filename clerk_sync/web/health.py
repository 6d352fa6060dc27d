"""Whether the process runs, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response

from clerk_sync.web.answers import json_response

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> Response:
    """Answer while the process runs; touches nothing."""
    return json_response({"status": "ok"})
