"""Cross-origin requests of the authorized parties: a front end on another origin than the API's.

They carry the token in the header, never in a cookie, so credentials stay off; and nobody is ever answered ``*``.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

PATHS = "/api/"

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "x-clerk-auth-status, x-clerk-auth-reason, Retry-After"


def allow_authorized_parties(app: Flask, authorized_parties: Collection[str]) -> None:
    """Let pages of ``authorized_parties`` call ``app`` under /api/ from a browser; install before any guard."""
    parties = frozenset(authorized_parties)
    if not parties:
        return

    def find_party() -> str | None:
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        return origin if origin in parties and _is_ours() else None

    def answer_preflight() -> Response | None:
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.environ
        return Response(status=204, headers=_PREFLIGHT) if is_preflight and find_party() else None

    def name_origin(response: Response) -> Response:
        if not _is_ours():
            return response
        # On every answer: a cache must not hand one origin's to another.
        response.headers.add("Vary", "Origin")
        if party := find_party():
            response.headers["Access-Control-Allow-Origin"] = party
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    app.before_request(answer_preflight)
    app.after_request(name_origin)


def _is_ours() -> bool:
    path: str = request.environ.get("PATH_INFO", "")
    return path.startswith(PATHS)
