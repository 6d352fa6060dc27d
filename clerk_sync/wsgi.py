"""The application as ``flask`` and WSGI servers load it: ``app``, and ``serve()`` for web workers."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NoReturn

import click
from flask.cli import FlaskGroup

from clerk_sync.settings.settings import ConfigurationError
from clerk_sync.telemetry.stdio import open_missing_descriptors, prepare_for_a_command, say

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from clerk_sync.app import Application

# gunicorn stops if a worker ends with this status at its start. After any other it starts workers for ever.
WORKER_CANNOT_START = 3


def _load() -> Application:
    """Return the application. The imports are here so that the garbage collector is off during them."""
    # Loading makes many objects that stay. To search them for garbage again and again, and once more at the end of the
    # process, takes a third of the time of a short command.
    gc.disable()
    try:
        return _load_for_a_command() if _is_asked_for_a_command() else _load_for_a_server()
    finally:
        gc.freeze()
        gc.enable()


def _is_asked_for_a_command() -> bool:
    """Whether ``flask`` loads the application to find a command of ours, or all of them for its help page.

    Then the innermost context of click is that of ``flask`` itself. In commands that need routes (``flask run``,
    ``flask routes``, ``flask shell``) it is the command's own; in other servers there is none of ``flask``.
    """
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def _load_for_a_command() -> Application:
    from clerk_sync import cli
    from clerk_sync.app import create_command_app

    try:
        return create_command_app()
    except ConfigurationError as error:
        app = create_command_app(error.settings)
        cli.refuse_commands(app, str(error))
        return app


def _load_for_a_server() -> Application:
    from clerk_sync.app import create_app
    from clerk_sync.telemetry import logs

    logs.stderr.write_in_batches()
    try:
        return create_app()
    except ConfigurationError as error:
        _refuse_to_serve(error)


def _refuse_to_serve(error: ConfigurationError) -> NoReturn:
    say(str(error))
    is_flask = click.get_current_context(silent=True) is not None
    sys.exit(2 if is_flask else WORKER_CANNOT_START)


if click.get_current_context(silent=True) is not None:
    prepare_for_a_command()
else:
    open_missing_descriptors()
app = _load()


def serve() -> WSGIApplication:
    """Return the application for a web worker, with everything loaded that the first request would wait for."""
    from clerk_sync.graceful_shutdown import leave_in_order
    from clerk_sync.telemetry.metrics import metrics

    app.load_web()
    application = leave_in_order(app)
    metrics()
    return application
