"""The desk towards the operator: translate, commit, count, print. No decision about users or orders may live here.

Modules are loaded whenever ``flask`` starts, so what is heavy is imported by the command that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NoReturn

import click
from flask import Flask


def install(app: Flask) -> None:
    """Give ``app`` its command groups."""
    from clerk_sync.cli import migrations, sync_clerk
    from clerk_sync.cli.emulator import commands

    app.cli.add_command(migrations.Migrations(app))
    app.cli.add_command(commands.emulator)
    app.cli.add_command(sync_clerk.sync_clerk)


def refuse_commands(app: Flask, reason: str) -> None:
    """Let every command of ``app`` but the doctor print ``reason`` and exit with 2. Help pages go on working."""
    from clerk_sync.cli.doctor.command import doctor

    def refuse(**_: object) -> NoReturn:
        click.echo(reason, err=True)
        sys.exit(2)

    for command in _commands_in(app.cli):
        if command is not doctor:
            command.callback = refuse


def _commands_in(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from _commands_in(command)
        else:
            yield command
