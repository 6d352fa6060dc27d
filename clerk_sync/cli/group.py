"""A group of commands that end in order if they are interrupted."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

INTERRUPTED = 130  # what a shell shows of a program that Ctrl-C has ended


class Group(click.Group):
    """Its commands end on Ctrl-C and on SIGTERM with one sentence and the status 130.

    A host that stops a process sends SIGTERM first.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(INTERRUPTED)
        finally:
            signal.signal(signal.SIGTERM, before)
