"""Error handlers of our application: every error of its views and middleware becomes a problem.

An application that uses the extension has its own handlers, and gets none of these.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, current_app, got_request_exception, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from clerk_sync.telemetry.logs import describe_exception
from clerk_sync.web.database_problems import DATABASE_ERRORS, find_database_problem
from clerk_sync.web.middleware.observe import ROUTE
from clerk_sync.web.problems import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# Errors that Flask raises. HTTP's phrases change with Python's version, so reasons must not be made from them.
_FLASK_ERRORS = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "Nothing exists at this URL."),
    405: ("method-not-allowed", "This method is not allowed. The Allow header lists the methods."),
    413: ("request-entity-too-large", "The body is larger than 1 MiB."),
}


def install(app: Flask) -> None:
    """Answer every exception of ``app``'s views with a problem."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_exception)
    for kind in DATABASE_ERRORS:
        app.register_error_handler(kind, _database_error)
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


def _problem(problem: Problem) -> Response:
    return problem.get_response(request.environ)


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    phrase = HTTPStatus(status).phrase
    reason, detail = _FLASK_ERRORS.get(status) or (phrase.lower().replace(" ", "-"), f"{phrase}.")
    headers = {name: value for name, value in error.get_headers() if name.lower() not in _OWN_HEADERS}
    return _problem(Problem(status, reason, detail, headers))


_OWN_HEADERS = ("content-type", "content-length")


def _database_error(error: Exception) -> Response:
    problem = find_database_problem(error)
    return _unexpected(error) if problem is None else _problem(problem)


def _unexpected(error: Exception) -> Response:
    # Flask sends this signal only for exceptions without a handler, and error trackers need it.
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # Flask's documented way to the sender
    got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
    log.error("unexpected %s", describe_exception(error))
    return _problem(Problem(500, "internal-error", "An unexpected error occurred."))
