"""The command that stands for a group whose libraries are not installed."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from clerk_sync.optional import how_to_install


def not_installed(name: str, extra: str) -> click.Command:
    """Return a hidden command ``name`` that prints what to install, and exits with 2."""

    def say_so(**_: object) -> NoReturn:
        click.echo(f"`flask {name}` is not installed: {how_to_install(extra)}", err=True)
        sys.exit(2)

    return click.Command(
        name,
        callback=say_so,
        params=[click.Argument(["arguments"], nargs=-1)],
        hidden=True,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )
