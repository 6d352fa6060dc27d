"""The application factory."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask

from clerk_sync import cli, shop
from clerk_sync.db import connect
from clerk_sync.extensions import install_services
from clerk_sync.services import Services
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask.sansio.app import T_teardown

MAX_BODY_BYTES = 1024 * 1024


log = logging.getLogger(__name__)


class Application(Flask):
    """Our Flask application. It loads its web part, which commands do without, at the first request at the latest."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("clerk_sync", static_folder=None)
        self._services = Services(
            settings, connect.connection_factory(settings.database_url, Path(self.instance_path) / "postgres")
        )
        self._loading = Lock()
        self._has_web = False
        install_services(self, self._services)

    def load_web(self) -> None:
        """Install the ORM and the routes; a second call changes nothing."""
        with self._loading:
            if self._has_web:
                return
            from clerk_sync import web
            from clerk_sync.db import orm

            orm.install(self, self._services.pool)
            web.install(self, self._services.settings)
            shop.install(self)
            if self._services.settings.environment is Environment.DEVELOPMENT:
                from clerk_sync.demo import storefront

                storefront.install(self)
            self._has_web = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._has_web:
            self.load_web()
        return self.wsgi_app(environ, start_response)

    def log_exception(self, exc_info: logs.ExceptionInfo) -> None:
        """Log an exception that no error handler took, without the path and the message that Flask would log."""
        logs.log.error("unexpected %s", logs.describe_exception(exc_info[1]))

    def teardown_appcontext(self, f: T_teardown) -> T_teardown:
        """Register ``f`` for the end of a request or command; where it fails, the others are called all the same."""
        super().teardown_appcontext(_harmless(f))
        return f

    def do_teardown_appcontext(self, *arguments: Any) -> None:
        """Call what is registered for the end of a request or command."""
        _harmless(super().do_teardown_appcontext)(*arguments)

    def do_teardown_request(self, *arguments: Any) -> None:
        """Call what is registered for the end of a request."""
        _harmless(super().do_teardown_request)(*arguments)


def _harmless(function: Callable[..., object]) -> Callable[..., None]:
    """Return ``function``, which logs what it would have raised."""

    def call(*arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            log.error("teardown failed: %s", type(error).__name__)  # noqa: TRY400 - a driver's text can quote a row

    return call


def create_app(settings: Settings | None = None) -> Application:
    """Return the complete application for ``settings``, by default those of the environment.

    Opens no connection and starts nothing; raises ConfigurationError with every problem of the environment at once.
    """
    app = create_command_app(settings)
    app.load_web()
    return app


def create_command_app(settings: Settings | None = None) -> Application:
    """Return the application with its commands; its web part is not loaded yet. Raises ConfigurationError."""
    settings = settings or Settings.from_env(os.environ)
    app = Application(settings)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.testing = settings.environment == "test"
    # A slash too many is answered, not redirected: a redirect is a failed delivery to Clerk.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    logs.configure(settings)
    cli.install(app)
    shop.install_commands(app)
    return app
