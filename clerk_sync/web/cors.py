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

    def answer_preflight() -> Response | None:
        environ = request.environ
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        if not is_preflight or not _is_allowed():
            return None
        return Response(status=204, headers=_PREFLIGHT)

    def name_origin(response: Response) -> Response:
        if not request.path.startswith(PATHS):
            return response
        # On refusals, too: a cache must not hand one origin's answer to another.
        response.vary.add("Origin")
        if _is_allowed():
            response.headers["Access-Control-Allow-Origin"] = request.environ["HTTP_ORIGIN"]
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    def _is_allowed() -> bool:
        return request.path.startswith(PATHS) and request.environ.get("HTTP_ORIGIN") in parties

    app.before_request(answer_preflight)
    app.after_request(name_origin)
