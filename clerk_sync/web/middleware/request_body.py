"""The middleware in front of the application: answers ``/healthz`` and reads the request's body.

A body is read whole before any view runs, so that no route acts on a part of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge

from clerk_sync.web.middleware.observe import ROUTE
from clerk_sync.web.problems import Problem, send_problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/healthz"
BODY = b'{"status":"ok"}'

_HEADERS = (("Content-Type", "application/json"), ("Content-Length", str(len(BODY))))
_LENGTH = re.compile("[0-9]+")


def install(app: Flask) -> None:
    """Answer ``GET /healthz`` in front of ``app``, and give ``app`` complete bodies only.

    The route of /healthz stays in the application for the URL map and for other methods.
    """
    inner: WSGIApplication = app.wsgi_app

    def front(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "GET":
            # Asked every few seconds, it should cost nothing.
            environ[ROUTE] = PATH
            start_response("200 OK", list(_HEADERS))
            return [BODY]
        try:
            _read_body(environ, app.config["MAX_CONTENT_LENGTH"])
        except (Problem, RequestEntityTooLarge) as error:
            return send_problem(app, error, environ, start_response)
        return inner(environ, start_response)

    app.wsgi_app = front  # type: ignore[method-assign]  # Flask's documented place for middleware


def _read_body(environ: WSGIEnvironment, limit: int) -> None:
    """Replace the server's input with the whole body.

    Raises Problem for an incomplete body and RequestEntityTooLarge for more than ``limit`` bytes. Servers report the
    end of an incomplete body in different ways: some raise, some return less than was announced.
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
    # Python refuses to read a number of several thousand digits.
    if len(digits) > len(str(limit)) or int(digits or "0") > limit:
        raise RequestEntityTooLarge
    return int(digits or "0")


def _read(environ: WSGIEnvironment, length: int) -> bytes:
    """Return up to ``length`` bytes of the input, fewer if it ends before."""
    body = b""
    try:
        while len(body) < length and (part := environ["wsgi.input"].read(length - len(body))):
            body += part
    except OSError:
        # gunicorn and werkzeug raise one for a chunked body that is cut off or malformed.
        raise _incomplete() from None
    return body


def _incomplete() -> Problem:
    return Problem(400, "body-incomplete", "The body ended before the length that was announced.")
