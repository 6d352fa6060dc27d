"""Middleware that answers ``/healthz`` and reads the complete request body.

The body is complete before any view runs, so that no view acts on a part of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge

from clerk_sync.web.error_handlers import send_problem
from clerk_sync.web.middleware.observe import ROUTE
from clerk_sync.web.problems import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/healthz"
BODY = b'{"status":"ok"}'

_HEADERS = (("Content-Type", "application/json"), ("Content-Length", str(len(BODY))))
_LENGTH = re.compile("[0-9]+")


def install(app: Flask) -> None:
    """Add the middleware to ``app``. The route /healthz also exists in ``app``, for other methods."""
    inner: WSGIApplication = app.wsgi_app

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "GET":
            environ[ROUTE] = PATH
            start_response("200 OK", list(_HEADERS))
            return [BODY]
        try:
            _read_body(environ, app.config["MAX_CONTENT_LENGTH"])
        except (Problem, RequestEntityTooLarge) as error:
            return send_problem(app, error, environ, start_response)
        return inner(environ, start_response)

    app.wsgi_app = middleware  # type: ignore[method-assign]  # Flask's documented place for middleware


def _read_body(environ: WSGIEnvironment, limit: int) -> None:
    """Replace the server's input with the complete body.

    Raises Problem for an incomplete body and RequestEntityTooLarge for more than ``limit`` bytes. For an
    incomplete body some servers raise, and others return less than the announced length.
    """
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        body = _read(environ, limit + 1)
    else:
        announced = environ.get("CONTENT_LENGTH")
        if not announced:
            return
        length = _parse_length(announced, limit)
        body = _read(environ, length)
        if len(body) < length:
            raise _incomplete()
    if len(body) > limit:
        raise RequestEntityTooLarge
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _parse_length(announced: str, limit: int) -> int:
    if not _LENGTH.fullmatch(announced):
        raise Problem(400, "bad-request", "Content-Length is not a number.")
    digits = announced.lstrip("0")
    # int() refuses a number of several thousand digits.
    if len(digits) > len(str(limit)) or int(digits or "0") > limit:
        raise RequestEntityTooLarge
    return int(digits or "0")


def _read(environ: WSGIEnvironment, length: int) -> bytes:
    """Return up to ``length`` bytes of the input."""
    body = b""
    try:
        while len(body) < length and (part := environ["wsgi.input"].read(length - len(body))):
            body += part
    except OSError:
        # gunicorn and werkzeug raise OSError for a chunked body that is cut off or malformed.
        raise _incomplete() from None
    return body


def _incomplete() -> Problem:
    return Problem(400, "body-incomplete", "The body is shorter than its announced length.")
