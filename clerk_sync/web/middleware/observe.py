"""The outermost middleware: request id, duration, one metric and one log line for each request.

It runs for every request, so it must be fast: metric children are cached, and the log line bypasses ``logging``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from clerk_sync.telemetry.logs import AccessLog, request_id
from clerk_sync.telemetry.metrics import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from prometheus_client import Histogram

_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

ROUTE = "clerk_sync.route"
"""The key of the WSGI environment for the pattern of the matched route."""

_FIELDS = "clerk_sync.log_fields"


def install(app: Flask, access_log: AccessLog) -> None:
    """Wrap ``app`` with an ``Observer``."""
    app.before_request(_name_route)
    app.wsgi_app = Observer(app.wsgi_app, access_log)  # type: ignore[method-assign]  # Flask's place for middleware


def add_log_fields(environ: WSGIEnvironment, **fields: object) -> None:
    """Add ids and outcomes to the log line of this request. Never add personal data."""
    environ.setdefault(_FIELDS, {}).update(fields)


def _name_route() -> None:
    # The pattern and not the path: each new path would add a time series.
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule


class Observer:
    """Middleware around ``application``."""

    def __init__(self, application: WSGIApplication, access_log: AccessLog) -> None:
        self._application = application
        self._access_log = access_log
        self._timers: dict[tuple[str, str, str], Histogram] = {}
        # A random prefix for the process and a number for the request: unique without a system call.
        self._prefix = os.urandom(6).hex()
        self._numbers = count()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request. The id comes from X-Request-ID if a proxy sent a usable one."""
        started_at = perf_counter()
        status = "500"
        offered = environ.get("HTTP_X_REQUEST_ID")
        id_ = offered if offered and _USABLE_ID.fullmatch(offered) else f"{self._prefix}-{next(self._numbers):x}"

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            nonlocal status
            status = line[:3]
            headers.append(("X-Request-ID", id_))
            return start_response(line, headers, *rest)

        reset = request_id.set(id_)
        try:
            return self._application(environ, start)
        except BaseException:
            status = "500"  # the server sends it, even if a response had been started
            raise
        finally:
            request_id.reset(reset)
            self._record(environ, status, perf_counter() - started_at, id_)

    def _record(self, environ: WSGIEnvironment, status: str, seconds: float, id_: str) -> None:
        method = environ["REQUEST_METHOD"]
        if method not in _METHODS:
            method = "other"
        route = environ.get(ROUTE, "unmatched")
        timer = self._timers.get((method, route, status))
        if timer is None:
            timer = self._timers[method, route, status] = metrics().requests.labels(method, route, status)
        timer.observe(seconds)
        fields = {"method": method, "route": route, "status": int(status), "ms": round(seconds * 1000, 3)}
        self._access_log.write({**fields, "request_id": id_, **environ.get(_FIELDS, {})})
