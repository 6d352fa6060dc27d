"""WSGI middleware around every request: the loopback rule, faults, the request log."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from werkzeug.wrappers import Response

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.faults import Fault, Faults
from clerk_sync.emulator.serving.listener import CONNECTION_FAULT, ConnectionFault
from clerk_sync.emulator.serving.request_log import LoggedRequest, RequestLog
from clerk_sync.emulator.serving.responses import error_response, json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_CODES = {401: "clerk_key_invalid", 404: "resource_not_found", 422: "form_param_value_invalid",
          429: "too_many_requests", 503: "service_unavailable", 504: "gateway_timeout"}  # fmt: skip


def is_loopback(host: str | None) -> bool:
    """Whether a Host header, or the host and port of an Origin, names this machine."""
    hostname = urlsplit(f"//{host or ''}").hostname or ""
    return hostname in LOOPBACK_HOSTS or hostname.endswith(".localhost")


def is_trusted_origin(origin: str, trusted_origins: Collection[str]) -> bool:
    """Whether the origin is on this machine or in ``trusted_origins``."""
    try:
        return origin in trusted_origins or is_loopback(urlsplit(origin).netloc)
    except ValueError:  # no browser sends such an origin
        return False


class Middleware:
    """Wraps the application. It rejects foreign hosts and origins: any web page can make a browser call loopback."""

    def __init__(self, app: WSGIApplication, faults: Faults, log: RequestLog, trusted_origins: Collection[str]) -> None:
        self._app = app
        self._trusted_origins = frozenset(trusted_origins)
        self._faults = faults
        self._log = log
        self.stopping = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._is_local(environ):
            error = ClerkApiError(403, "origin_invalid", "Invalid host or origin", "Only loopback names are served.")
            return error_response(error, "local_wire")(environ, start_response)
        path = environ["PATH_INFO"]
        if not path.startswith(("/v1/", "/.well-known/")):
            return self._app(environ, start_response)
        query, started = environ["QUERY_STRING"], time.monotonic()
        response = self._answer(environ)
        self._log.add(
            LoggedRequest(
                method=environ["REQUEST_METHOD"],
                path=path,
                query=query,
                status=None if environ[CONNECTION_FAULT].hang_up else response.status_code,
                at_ms=wall_clock_ms(),
                took_ms=(time.monotonic() - started) * 1000,
            )
        )
        return response(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        params = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        fault = self._faults.take(environ["REQUEST_METHOD"], environ["PATH_INFO"], {name for name, _ in params})
        if fault is None:
            return Response.from_app(self._app, environ, buffered=True)
        self.stopping.wait(fault.delay_s)
        connection_fault: ConnectionFault = environ[CONNECTION_FAULT]
        connection_fault.hang_up, connection_fault.torn = fault.hang_up, fault.torn
        if fault.ignore_params:
            environ["QUERY_STRING"] = urlencode([pair for pair in params if pair[0] not in fault.ignore_params])
        if fault.status is None and fault.body is None:
            return Response.from_app(self._app, environ, buffered=True)
        return _failure(fault)

    def _is_local(self, environ: WSGIEnvironment) -> bool:
        """Whether the Host, and for a change the Origin too, is on this machine or trusted."""
        if not is_loopback(environ.get("HTTP_HOST")):
            return False
        origin = environ.get("HTTP_ORIGIN")
        if not origin or environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS"):
            return True
        return is_trusted_origin(origin, self._trusted_origins)


def _failure(fault: Fault) -> Response:
    status = fault.status or 200
    if isinstance(fault.body, bytes):
        return Response(fault.body, status, mimetype="application/json")
    if fault.body is not None:
        return json_response(fault.body, status)
    code = fault.code or _CODES.get(status, "internal_clerk_error")
    words = code.replace("_", " ")
    error = ClerkApiError(status, code, words, "An injected fault.", retry_after_s=fault.retry_after_s)
    return error_response(error, "local_fault")
