"""The application factory: a straight list of sentences."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from clerk_sync import cli, database, logs
from clerk_sync.config import Settings
from clerk_sync.extensions import install_services
from clerk_sync.services import Services

MAX_BODY_BYTES = 1024 * 1024


class Application(Flask):
    """Flask with two methods replaced: one for speed, one for what it logs."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: no view of ours is a coroutine, and Flask asks several times a request."""
        return func

    def log_exception(self, exc_info: logs.ExceptionInfo) -> None:
        """Log an exception that no error handler took, without the path and the message that Flask would log."""
        logs.log.error("unexpected %s", logs.describe_exception(exc_info[1]))


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
