"""CORS: pages of this machine and of the authorized front end may read responses."""

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
    """Let scripts of trusted origins read responses of ``blueprint``, with the browser's cookies."""

    @blueprint.after_request
    def share(response: Response) -> Response:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        # The middleware rejects changes from other origins; this header keeps them from reading a session.
        if not origin or not is_trusted_origin(origin, (clerk.options.authorized_origin,)):
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        if request.method == "OPTIONS":
            response.headers.update(_PREFLIGHT)
        return response
