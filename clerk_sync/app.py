"""The application factory: a straight list of sentences."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from clerk_sync import cli, database, logs
from clerk_sync.config import Settings
from clerk_sync.extensions import install_services
from clerk_sync.services import Services

if TYPE_CHECKING:
    from flask.sansio.app import T_teardown

MAX_BODY_BYTES = 1024 * 1024


log = logging.getLogger(__name__)


class Application(Flask):
    """Flask with methods replaced: for speed, for logs, and so that a failed teardown cannot damage an answer."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: no view of ours is a coroutine, and Flask asks several times a request."""
        return func

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


def create_app(settings: Settings | None = None, *, with_web: bool = True) -> Flask:
    """Return the application for ``settings``, by default those of the environment; without the web for commands only.

    Opens no connection and starts nothing; raises ConfigurationError with every problem of the environment at once.
    """
    settings = settings or Settings.from_env(os.environ)
    app = Application("clerk_sync", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.testing = settings.environment == "test"
    # A slash too many is answered, not redirected: a redirect is a failed delivery to Clerk.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    logs.configure(settings)
    connect = database.connector(settings.database_url, Path(app.instance_path) / "postgres")
    install_services(app, Services(settings, connect))
    if with_web:
        from clerk_sync import orm, web

        orm.install(app, connect)
        web.install(app, settings)
    cli.install(app)
    return app
