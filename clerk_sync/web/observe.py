"""Around every request: an id, a time, a count and one log line."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from clerk_sync.logs import request_id
from clerk_sync.metrics import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


_ROUTE = "clerk_sync.route"


def observe(app: Flask) -> None:
    """Put an Observer around ``app``."""
    app.before_request(_name_route)
    app.wsgi_app = Observer(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented place for middleware


def _name_route() -> None:
    # The pattern: a path could carry anything, and would make a new time series each time.
    if request.url_rule is not None:
        request.environ[_ROUTE] = request.url_rule.rule


class Observer:
    """A WSGI application around another one."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request; the id comes from X-Request-ID where a router in front sent a usable one."""
        started_at = perf_counter()
        statuses: list[str] = []
        offered = environ.get("HTTP_X_REQUEST_ID", "")
        id_ = offered if _USABLE_ID.fullmatch(offered) else secrets.token_hex(8)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            statuses.append(status[:3])
            return start_response(status, [*headers, ("X-Request-ID", id_)], *rest)

        reset = request_id.set(id_)
        try:
            return self._application(environ, start)
        finally:
            _observe(environ, statuses[-1] if statuses else "500", perf_counter() - started_at)
            request_id.reset(reset)


def _observe(environ: WSGIEnvironment, status: str, seconds: float) -> None:
    method = environ["REQUEST_METHOD"]
    route = environ.get(_ROUTE, "unmatched")
    known_method = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
    metrics().requests.labels(known_method, route, status).observe(seconds)
    log.info(
        "request", extra={"method": known_method, "route": route, "status": int(status), "ms": round(seconds * 1000, 2)}
    )

