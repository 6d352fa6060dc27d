"""The guarded parent: whatever hangs under ``api`` is closed by its position, not by anybody's memory.

Routes that anyone may call (webhooks, catalogue, documentation, health) hang elsewhere, and a test walks the URL map.
"""

from __future__ import annotations

from flask import Blueprint

from clerk_sync.web import auth

api = Blueprint("api", __name__, url_prefix="/api")

api.before_request(auth.authenticate)
