"""Around every request: an id, a time, a count and one log line.

Every request passes here, so it takes few microseconds: children of metrics are looked up once, and the log line does
not pass ``logging``.
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
"""The key of the WSGI environment under which the pattern of the matched route is, for metrics and log."""

_FACTS = "clerk_sync.facts"


def install(app: Flask, access_log: AccessLog) -> None:
    """Put an Observer around ``app``."""
    app.before_request(_name_route)
    app.wsgi_app = Observer(app.wsgi_app, access_log)  # type: ignore[method-assign]  # Flask's place for middleware


def add_log_fields(environ: WSGIEnvironment, **facts: object) -> None:
    """Add ids and outcomes to the log line of this request; never what a person is called or owns."""
    environ.setdefault(_FACTS, {}).update(facts)


def _name_route() -> None:
    # The pattern: a path could carry anything, and would make a new time series each time.
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule


class Observer:
    """A WSGI application around another one."""

    def __init__(self, application: WSGIApplication, access_log: AccessLog) -> None:
        self._application = application
        self._access_log = access_log
        self._timers: dict[tuple[str, str, str], Histogram] = {}
        # A word of chance for the process and a number for the request: unique, and no system call.
        self._prefix = os.urandom(6).hex()
        self._numbers = count()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request; the id comes from X-Request-ID where a router in front sent a usable one."""
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
            status = "500"  # the server's own answer, also where another one had been begun
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
        facts = {"method": method, "route": route, "status": int(status), "ms": round(seconds * 1000, 3)}
        self._access_log.write({**facts, "request_id": id_, **environ.get(_FACTS, {})})
