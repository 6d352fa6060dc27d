"""The express lane: what is asked most is answered in front of Flask, by the parts that its views use.

Finding the route, contexts and signals cost several times what it takes to look a proven token up and to encode the
answer. So a few routes have an entry beside their view. An entry takes the services and the WSGI environment and
returns the body of a plain 200; what it raises is answered by the application's error handlers. Where it returns
None, it leaves what is special to Flask, which serves the request from the beginning.

No rule lives here: entries prove the session by ``identity.prove``, as the guard does. A test holds every answer of the
lane equal to Flask's, and another holds that no hook of Flask's is passed by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from flask import Flask

from clerk_sync.extensions import services
from clerk_sync.services import Services
from clerk_sync.shop.routes import orders
from clerk_sync.web import account, webhooks
from clerk_sync.web.middleware.observe import ROUTE
from clerk_sync.web.problems import refuse
from clerk_sync.web.responses import NO_STORE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Entry = Callable[[Services, "WSGIEnvironment"], object | None]

_encode = msgspec.json.Encoder().encode

_JSON = ("Content-Type", "application/json")

_ENTRIES: Mapping[tuple[str, str], Entry] = {
    ("GET", "/api/session"): account.express_session,
    ("GET", "/api/me"): account.express_me,
    ("GET", "/api/orders"): orders.express_list_orders,
    ("POST", "/api/webhooks/clerk"): webhooks.express_clerk,
}


def install(app: Flask) -> None:
    """Put the lane in front of ``app``, which carries its services already."""
    with app.app_context():
        app.wsgi_app = FastPath(app, services())  # type: ignore[method-assign]  # Flask's place for middleware


class FastPath:
    """A WSGI application around ``app``."""

    def __init__(self, app: Flask, services: Services) -> None:
        self._app = app
        self._flask: WSGIApplication = app.wsgi_app
        self._services = services

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request, or let Flask do it."""
        path = environ["PATH_INFO"]
        entry = _ENTRIES.get((environ["REQUEST_METHOD"], path))
        if entry is None:
            return self._flask(environ, start_response)
        environ[ROUTE] = path
        try:
            answer = entry(self._services, environ)
            body = None if answer is None else _encode(answer)
        except Exception as error:
            return refuse(self._app, error, environ, start_response)
        if body is None:
            return self._flask(environ, start_response)
        start_response("200 OK", [_JSON, ("Content-Length", str(len(body))), NO_STORE])
        return [body]
