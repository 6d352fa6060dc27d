"""What happens before Flask: the health of the process is answered, and a body of unknown length is measured."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from flask import Flask

from clerk_sync.web.observe import ROUTE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/healthz"
BODY = b'{"status":"ok"}'

_HEADERS = (("Content-Type", "application/json"), ("Content-Length", str(len(BODY))))


def stand_in_front(app: Flask) -> None:
    """Answer ``GET /healthz`` in front of ``app``, and hand it no body without a length.

    The route of /healthz stays in the application for the URL map and for other methods.
    """
    inner: WSGIApplication = app.wsgi_app

    def front(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "GET":
            # Asked every few seconds, it should cost nothing.
            environ[ROUTE] = PATH
            start_response("200 OK", list(_HEADERS))
            return [BODY]
        if environ.pop("HTTP_TRANSFER_ENCODING", None):
            _measure_body(environ, app.config["MAX_CONTENT_LENGTH"])
        return inner(environ, start_response)

    app.wsgi_app = front  # type: ignore[method-assign]  # Flask's documented place for middleware


def _measure_body(environ: WSGIEnvironment, limit: int) -> None:
    # Without a length werkzeug would cut a chunked body at the limit and pass on the rest as the whole.
    body = b""
    while len(body) <= limit and (chunk := environ["wsgi.input"].read(limit + 1 - len(body))):
        body += chunk
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
