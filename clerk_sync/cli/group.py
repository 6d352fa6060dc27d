"""A command group whose commands handle interruptions."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

INTERRUPTED = 130  # 128 + SIGINT


class Group(click.Group):
    """A group whose commands exit with one sentence and status 130 on Ctrl-C and on SIGTERM.

    Hosting platforms send SIGTERM to stop a process.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(INTERRUPTED)
        finally:
            signal.signal(signal.SIGTERM, before)
