"""CORS for the authorized parties: a front end on another origin than the API's.

Such a front end sends the token in the header, so credentials are not allowed. The origin is never ``*``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from clerk_sync.web.middleware.observe import ROUTE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATHS = "api/"
PREFLIGHT_ROUTE = "preflight"

_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key"),
    ("Access-Control-Max-Age", "600"),
]
_EXPOSED = (
    "Access-Control-Expose-Headers",
    "x-clerk-auth-status, x-clerk-auth-reason, Retry-After, Location, Idempotent-Replayed, X-Request-ID",
)
# On every response: a cache must not send one origin's response to another.
_VARY = ("Vary", "Origin")


def install(app: Flask, authorized_parties: Collection[str]) -> None:
    """Allow pages of ``authorized_parties`` to call ``app`` under /api/."""
    parties = frozenset(authorized_parties)
    inner: WSGIApplication = app.wsgi_app

    def cross_origin(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Flask accepts several slashes at the start, too.
        if not environ["PATH_INFO"].lstrip("/").startswith(PATHS):
            return inner(environ, start_response)
        origin = environ.get("HTTP_ORIGIN")
        named = [_VARY]
        if origin in parties:
            named += [("Access-Control-Allow-Origin", origin), _EXPOSED]
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                environ[ROUTE] = PREFLIGHT_ROUTE
                start_response("204 No Content", [*_PREFLIGHT, *named])
                return ()

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            return start_response(status, headers + named, *rest)

        return inner(environ, start)

    if parties:
        app.wsgi_app = cross_origin  # type: ignore[method-assign]  # Flask's documented place for middleware
