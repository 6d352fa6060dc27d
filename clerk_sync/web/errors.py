"""Every error as RFC 9457 problem details; nothing of the inside shows in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import psycopg2
from flask import Flask, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from clerk_sync.database_errors import Fault, find_fault
from clerk_sync.metrics import metrics
from clerk_sync.statements import PoolExhausted
from clerk_sync.web.answers import KEPT_NOWHERE

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5

# What Flask refuses by itself. Its own texts talk to a person at a browser, and HTTP's phrases change with Python's
# version: no code may hang on them.
_REFUSED = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "Not with this method; Allow names those that do."),
    413: ("request-entity-too-large", "The body is larger than 1 MiB."),
}


class Problem(Exception):
    """A request that cannot be served; ``code`` is a stable machine word, ``detail`` a sentence for people."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem_response(problem: Problem) -> Response:
    """Return ``problem`` as an application/problem+json answer."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "code": problem.code,
    }
    encoded = msgspec.json.encode(body)
    response = Response(encoded, problem.status, [KEPT_NOWHERE], content_type="application/problem+json")
    response.headers.extend(problem.headers)
    return response


def database_unavailable(fault: Fault) -> Problem:
    """Return the answer while the database cannot serve us: nothing is remembered, another try is welcome."""
    verb = "reached" if fault is Fault.UNREACHABLE else "used"  # /readyz says more
    return Problem(
        503, "database-unavailable", f"The database cannot be {verb} now.", {"Retry-After": str(RETRY_AFTER_S)}
    )


def install_error_handlers(app: Flask) -> None:
    """Answer every exception that leaves a view of ``app`` with a problem."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(PoolTimeout, _pool_exhausted)
    app.register_error_handler(PoolExhausted, _pool_exhausted)
    app.register_error_handler(psycopg2.Error, _database_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    phrase = HTTPStatus(status).phrase
    code, detail = _REFUSED.get(status) or (phrase.lower().replace(" ", "-"), f"{phrase}.")
    response = problem_response(Problem(status, code, detail))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _pool_exhausted(error: PoolTimeout | PoolExhausted) -> Response:
    metrics().pool_timeouts.inc()
    return _unavailable(error, Fault.BUSY)


def _database_error(error: DBAPIError | psycopg2.Error) -> Response:
    fault = find_fault(error)
    return _unexpected(error) if fault is None else _unavailable(error, fault)


def _unavailable(error: Exception, fault: Fault) -> Response:
    log.error("database unavailable: %s (%s)", fault, type(getattr(error, "orig", error)).__name__)
    return problem_response(database_unavailable(fault))


def _unexpected(error: Exception) -> Response:
    # The class and the place, never the message: a driver's text can quote a row.
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "nowhere"
    log.error("unexpected %s at %s", type(error).__name__, where)
    return problem_response(Problem(500, "internal-error", "Something went wrong on our side."))
