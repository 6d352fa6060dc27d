"""What is answered before Flask: whether the process runs. Asked every few seconds, it should cost nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from clerk_sync.web.observe import ROUTE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/healthz"
BODY = b'{"status":"ok"}'

_HEADERS = (("Content-Type", "application/json"), ("Content-Length", str(len(BODY))))


def answer_health(app: Flask) -> None:
    """Answer ``GET /healthz`` in front of ``app``, in which the route stays for the URL map and other methods."""
    inner: WSGIApplication = app.wsgi_app

    def front(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "GET":
            return inner(environ, start_response)
        environ[ROUTE] = PATH
        start_response("200 OK", list(_HEADERS))
        return (BODY,)

    app.wsgi_app = front  # type: ignore[method-assign]  # Flask's documented place for middleware
