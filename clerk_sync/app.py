"""Our application, the first user of the extension: Flask, ``ClerkSync``, account, console, API docs, the shop."""

from __future__ import annotations

import logging
import os
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask

from clerk_sync import cli, flask_db, shop
from clerk_sync.extension import ClerkSync
from clerk_sync.json_provider import JsonProvider
from clerk_sync.services import get_services
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.shop.backend import Backend
from clerk_sync.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import psycopg2
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask.sansio.app import T_teardown
    from sqlalchemy import Engine

MAX_BODY_BYTES = 1024 * 1024


log = logging.getLogger(__name__)


class Application(Flask):
    """The Flask application. Commands do not need its web part, so it is loaded with the first request, or before."""

    json_provider_class = JsonProvider

    def __init__(self, settings: Settings) -> None:
        super().__init__("clerk_sync", static_folder=None)
        self.settings = settings
        self.clerk = ClerkSync(settings=settings)
        self.clerk.init_commands(self)
        get_services(self).add_history(flask_db.shop_history())
        self._loading = Lock()
        self._has_web = False

    def load_web(self) -> None:
        """Install the routes; a second call changes nothing."""
        with self._loading:
            if self._has_web:
                return
            _install_web(self)
            self._has_web = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._has_web:
            self.load_web()
        return self.wsgi_app(environ, start_response)

    def log_exception(self, exc_info: logs.ExceptionInfo) -> None:
        """Log an unhandled exception without its message and the path, which Flask would log."""
        logs.log.error("unexpected %s", logs.describe_exception(exc_info[1]))

    def teardown_appcontext(self, f: T_teardown) -> T_teardown:
        """Register ``f`` for the end of a request or command. If it fails, the other functions are still called."""
        super().teardown_appcontext(_without_raising(f))
        return f

    def do_teardown_appcontext(self, *arguments: Any) -> None:
        """Call the functions registered for the end of a request or command."""
        _without_raising(super().do_teardown_appcontext)(*arguments)

    def do_teardown_request(self, *arguments: Any) -> None:
        """Call the functions registered for the end of a request."""
        _without_raising(super().do_teardown_request)(*arguments)


def _without_raising(function: Callable[..., object]) -> Callable[..., None]:
    """Return a function that calls ``function`` and logs its exception: the response is already made."""

    def call(*arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            log.error("teardown failed: %s", type(error).__name__)  # noqa: TRY400 - a driver's text can quote a row

    return call


def _install_web(app: Application) -> None:
    from clerk_sync.shop.routes import console_section
    from clerk_sync.telemetry import metrics as telemetry
    from clerk_sync.telemetry.logs import AccessLog
    from clerk_sync.web import account, admin, console, converters, error_handlers, metrics
    from clerk_sync.web.docs import openapi_views
    from clerk_sync.web.middleware import cors, fast_path, observe, request_body

    telemetry.share_counters()
    app.clerk.init_app(app)
    # From the innermost middleware to the outermost: the last one sees a request first.
    fast_path.install(app)
    request_body.install(app)
    cors.install(app, app.settings.authorized_parties)
    observe.install(app, AccessLog(app.settings))
    converters.install(app)
    error_handlers.install(app)
    for blueprint in (metrics.blueprint, openapi_views.docs, account.account, admin.admin):
        app.register_blueprint(blueprint)
    console.install(app)
    shop.install(app)
    console.add_user_section(app, console_section.show_orders)
    if app.settings.environment is Environment.DEVELOPMENT:
        from clerk_sync.demo import storefront

        storefront.install(app)


def create_app(settings: Settings | None = None) -> Application:
    """Return the complete application for ``settings``, by default those of the environment.

    Opens no connection and starts no thread. Raises ConfigurationError with every problem of the environment.
    """
    app = create_command_app(settings)
    app.load_web()
    return app


def create_command_app(settings: Settings | None = None) -> Application:
    """Return the application with its commands, without its web part. Raises ConfigurationError."""
    settings = settings or Settings.from_env(os.environ)
    app = Application(settings)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.testing = settings.environment == "test"
    # Answer a superfluous slash without a redirect: Clerk counts a redirect as a failed delivery.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    logs.configure(settings)

    def make_engine() -> Engine:
        """Return an engine on the extension's pool, so that a worker has one limit on its connections."""
        return get_services(app).pool.make_engine()

    cli.install(app)
    app.cli.add_command(flask_db.make_command(app))
    shop.install_commands(app, Backend(make_engine=make_engine, describe_error=_describe_error))
    return app


def _describe_error(error: psycopg2.Error) -> str:
    from clerk_sync.cli.database_faults import describe

    return describe(error)
