"""The WSGI entry point. ``flask`` and servers load ``app``; production servers call ``serve()`` in each worker."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from clerk_sync.cli import is_flask_command
from clerk_sync.graceful_shutdown import drain_on_sigterm, remember_sigterm
from clerk_sync.optional import MissingDependencyError, require
from clerk_sync.settings.settings import ConfigurationError
from clerk_sync.telemetry.stdio import open_missing_descriptors, prepare_for_a_command, say

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from clerk_sync.app import Application

# gunicorn stops if a worker exits with this status at its start. With any other status it restarts workers endlessly.
WORKER_CANNOT_START = 3


def _load() -> Application:
    """Return the application. Its imports are in this function because the garbage collector is off in it."""
    # Loading makes many objects that live until the process ends. Scanning them for garbage would take a third of the
    # time of a short command.
    gc.disable()
    try:
        return _load_for_command() if is_flask_command() else _load_for_server()
    except MissingDependencyError as error:
        _refuse_to_serve(error)
    finally:
        gc.freeze()
        gc.enable()


def _load_for_command() -> Application:
    from clerk_sync import cli
    from clerk_sync.app import create_command_app

    try:
        return create_command_app()
    except ConfigurationError as error:
        app = create_command_app(error.settings)
        cli.refuse_commands(app.cli, str(error))
        return app


def _load_for_server() -> Application:
    require("flask_sqlalchemy", extra="app", user="The application with the shop")
    from clerk_sync.app import create_app
    from clerk_sync.telemetry import logs

    logs.stderr.write_in_batches()
    try:
        return create_app()
    except ConfigurationError as error:
        _refuse_to_serve(error)


def _refuse_to_serve(error: ConfigurationError | MissingDependencyError) -> NoReturn:
    say(str(error))
    is_flask = click.get_current_context(silent=True) is not None
    sys.exit(2 if is_flask else WORKER_CANNOT_START)


if click.get_current_context(silent=True) is not None:
    prepare_for_a_command()
else:
    open_missing_descriptors()
remember_sigterm()
app = _load()


def serve() -> WSGIApplication:
    """Return the application for a web worker. Everything is loaded, so the first request need not wait for it."""
    from clerk_sync.telemetry.metrics import metrics

    app.load_web()
    application = drain_on_sigterm(app)
    metrics()
    return application
