"""The commands: they parse arguments, commit, count and print. No decision about users or orders is made here.

``flask`` imports these modules at every start, so each command imports heavy libraries itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NoReturn

import click
from flask import Flask

from clerk_sync.cli.not_installed import not_installed
from clerk_sync.optional import is_installed


def install(app: Flask) -> None:
    """Give our application the local Clerk's command group, which needs an extra."""
    from clerk_sync.cli.emulator import commands

    has_emulator = is_installed("svix", "requests")
    app.cli.add_command(commands.emulator if has_emulator else not_installed("clerk-emulator", "emulator"))


def is_flask_command() -> bool:
    """Return whether ``flask`` loads the application to find one of its commands, or to list them.

    The innermost click context is then that of ``flask`` itself. Commands that need routes (``flask run``, ``flask
    routes``, ``flask shell``) have a context of their own. WSGI servers have no context of ``flask``.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    from flask.cli import FlaskGroup

    return isinstance(context.command, FlaskGroup)


def refuse_commands(group: click.Group, reason: str) -> None:
    """Make every command in ``group`` except the doctor print ``reason`` and exit with 2. Help pages still work."""
    from clerk_sync.cli.doctor.command import doctor

    def refuse(**_: object) -> NoReturn:
        click.echo(reason, err=True)
        sys.exit(2)

    for command in _commands_in(group):
        if command is not doctor:
            command.callback = refuse


def _commands_in(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from _commands_in(command)
        else:
            yield command
