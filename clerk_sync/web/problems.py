"""Errors as RFC 9457 problem details. They contain no stack trace, no secret and no setting."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import psycopg2
from flask import Flask, Response, current_app, got_request_exception, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.telemetry.logs import describe_exception
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.middleware.observe import ROUTE
from clerk_sync.web.responses import NO_STORE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5

# Errors that Flask raises. HTTP's phrases change with Python's version, so codes must not be made from them.
_FLASK_ERRORS = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "Nothing exists at this URL."),
    405: ("method-not-allowed", "This method is not allowed. The Allow header lists the methods."),
    413: ("request-entity-too-large", "The body is larger than 1 MiB."),
}


class Problem(Exception):
    """An error response: ``code`` is a stable word for programs, ``detail`` a sentence for people."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem_response(problem: Problem) -> Response:
    """Return ``problem`` as an application/problem+json response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "code": problem.code,
    }
    encoded = msgspec.json.encode(body)
    response = Response(encoded, problem.status, [NO_STORE], content_type="application/problem+json")
    response.headers.extend(problem.headers)
    return response


def retry_later(code: str, detail: str, after_s: int) -> Problem:
    """Return a 503 that asks the client to try again after ``after_s`` seconds."""
    return Problem(503, code, detail, {"Retry-After": str(after_s)})


def database_unavailable(fault: Fault) -> Problem:
    """Return the problem for a request that the database cannot serve now. /readyz names the fault."""
    verb = "reached" if fault is Fault.UNREACHABLE else "used"
    return retry_later("database-unavailable", f"The database cannot be {verb} now.", RETRY_AFTER_S)


def install_error_handlers(app: Flask) -> None:
    """Answer every exception of ``app``'s views with a problem."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(PoolTimeout, _pool_exhausted)
    app.register_error_handler(psycopg2.Error, _database_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def send_problem(
    app: Flask, error: Exception, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer ``error``, raised in middleware around ``app``, as if a view had raised it."""
    with app.request_context(environ):
        if request.url_rule is not None:
            environ[ROUTE] = request.url_rule.rule
        try:
            response = app.finalize_request(app.handle_user_exception(error))
        except Exception as second_error:
            response = app.handle_exception(second_error)
        return response(environ, start_response)


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    phrase = HTTPStatus(status).phrase
    code, detail = _FLASK_ERRORS.get(status) or (phrase.lower().replace(" ", "-"), f"{phrase}.")
    response = problem_response(Problem(status, code, detail))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _pool_exhausted(error: PoolTimeout) -> Response:
    metrics().pool_timeouts.inc()
    return _unavailable(error, Fault.BUSY)


def _database_error(error: DBAPIError | psycopg2.Error) -> Response:
    fault = find_fault(error)
    return _unexpected(error) if fault is None else _unavailable(error, fault)


def _unavailable(error: Exception, fault: Fault) -> Response:
    log.error("database unavailable: %s (%s)", fault, type(getattr(error, "orig", error)).__name__)
    return problem_response(database_unavailable(fault))


def _unexpected(error: Exception) -> Response:
    # Flask sends this signal only for exceptions without a handler, and error trackers need it.
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's documented way to the sender
    got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
    log.error("unexpected %s", describe_exception(error))
    return problem_response(Problem(500, "internal-error", "An unexpected error occurred."))
