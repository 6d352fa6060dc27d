"""What ``flask`` and the production server load."""

from __future__ import annotations

import gc
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from clerk_sync.config import ConfigurationError
from clerk_sync.stdio import prepare_for_a_command

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

_COMMANDS = frozenset({"sync-clerk", "shop", "clerk-emulator", "db"})


def _load() -> Flask:
    """Return the application. Imports stand in here so that the garbage collector is off while they run."""
    # Loading makes a great many objects that stay: looking through them for garbage again and again, and once more at
    # the process's end, took a third of the time of a short command.
    gc.disable()
    try:
        from clerk_sync.app import create_app

        # No command of ours answers a request, and routes take a fifth of the time that loading takes.
        with_web = _COMMANDS.isdisjoint(sys.argv)
        return create_app(with_web=with_web)
    except ConfigurationError as error:
        # Let in is the doctor: to name what is wrong is its work, and it looks at the rest as well. And the help.
        if ("sync-clerk", "doctor") not in pairwise(sys.argv) and "--help" not in sys.argv:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        return create_app(error.settings, with_web=False)
    finally:
        gc.freeze()
        gc.enable()


if click.get_current_context(silent=True) is not None:
    prepare_for_a_command()
app = _load()


def serve() -> WSGIApplication:
    """Return the application for a web worker, with everything loaded that the first request would wait for."""
    from clerk_sync.departure import leave_in_order
    from clerk_sync.metrics import metrics

    application = leave_in_order(app)
    metrics()
    return application
