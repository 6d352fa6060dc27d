"""The application factory: a straight list of sentences."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from clerk_sync import cli, database, logs
from clerk_sync.config import Settings
from clerk_sync.extensions import db, install_services
from clerk_sync.services import Services
from clerk_sync.statements import Statements

MAX_BODY_BYTES = 1024 * 1024


class Application(Flask):
    """Flask without the question, several times a request, whether a function is a coroutine: none of ours is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``."""
        return func


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
    _install_database(app, connect)
    install_services(app, Services(settings, Statements(connect)))
    if with_web:
        from clerk_sync import web

        web.install(app, settings)
    cli.install(app)
    return app


def _install_database(app: Flask, connect: database.Connect) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = database.engine_options(connect)
    db.init_app(app)
    with app.app_context():
        database.limit_transactions(db.engine)
