"""The Flask application: all routes of the local Clerk, and its error handlers."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from clerk_sync.emulator.backend_api.routes import backend_api
from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.frontend_api.client_api import client_api
from clerk_sync.emulator.frontend_api.routes import frontend_api
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.pages.pages import pages
from clerk_sync.emulator.serving.control_api import control_api
from clerk_sync.emulator.serving.request_log import RequestLog
from clerk_sync.emulator.serving.responses import error_response


def create_app(clerk: Instance, log: RequestLog) -> Flask:
    """Return the application that answers for ``clerk``."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(backend_api(clerk))
    app.register_blueprint(frontend_api(clerk))
    app.register_blueprint(client_api(clerk))
    app.register_blueprint(control_api(clerk, log))
    app.register_blueprint(pages(clerk))

    @app.errorhandler(ClerkApiError)
    def on_clerk_error(error: ClerkApiError) -> Response:
        return error_response(error, clerk.ids.new("trace", wall_clock_ms()))

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
        code = {404: "resource_not_found", 405: "method_not_allowed"}.get(error.code or 500, "request_invalid")
        clerk_error = ClerkApiError(error.code or 500, code, error.name, error.description)
        return error_response(clerk_error, clerk.ids.new("trace", wall_clock_ms()))

    return app
