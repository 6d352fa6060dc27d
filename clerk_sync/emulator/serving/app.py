"""The Flask application: every route of the local Clerk, and one place where refusals become answers."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from clerk_sync.emulator.backend_api.routes import backend_api
from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.frontend_api.client_api import client_api
from clerk_sync.emulator.frontend_api.handshake import handshake
from clerk_sync.emulator.frontend_api.routes import frontend_api
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.pages.pages import pages
from clerk_sync.emulator.serving.control_api import control_api
from clerk_sync.emulator.serving.request_log import RequestLog
from clerk_sync.emulator.serving.responses import refusal_answer


def create_app(clerk: Instance, log: RequestLog) -> Flask:
    """Return the application that answers for ``clerk``."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(backend_api(clerk))
    app.register_blueprint(frontend_api(clerk))
    app.register_blueprint(handshake(clerk))
    app.register_blueprint(client_api(clerk))
    app.register_blueprint(control_api(clerk, log))
    app.register_blueprint(pages(clerk))

    @app.errorhandler(ClerkApiError)
    def refused(refusal: ClerkApiError) -> Response:
        return refusal_answer(refusal, clerk.ids.new("trace", wall_clock_ms()))

    @app.errorhandler(HTTPException)
    def not_served(error: HTTPException) -> Response:
        code = {404: "resource_not_found", 405: "method_not_allowed"}.get(error.code or 500, "request_invalid")
        refusal = ClerkApiError(error.code or 500, code, error.name, error.description)
        return refusal_answer(refusal, clerk.ids.new("trace", wall_clock_ms()))

    return app
