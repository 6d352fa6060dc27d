"""What pages of another origin may read: those of this machine, and the authorized front end. Nobody else's."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.middleware import is_trusted_origin

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
}


def allow_trusted_origins(blueprint: Blueprint, clerk: Instance) -> None:
    """Let scripts of trusted pages read the answers of ``blueprint``, with the browser's cookies."""

    @blueprint.after_request
    def share(response: Response) -> Response:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        # The wire stops changes from elsewhere; this stops reading: a session must not leak to a page of the internet.
        if not origin or not is_trusted_origin(origin, (clerk.options.authorized_origin,)):
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        if request.method == "OPTIONS":
            response.headers.update(_PREFLIGHT)
        return response
