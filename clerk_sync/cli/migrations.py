"""``flask db``: Flask-Migrate, loaded when it is called.

Alembic and its dialects take longer to load than the rest of the application, and only migrations need them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click
from flask import Flask

from clerk_sync.extensions import services

_PACKAGE = Path(__file__).parents[1]
# A wheel carries them inside the package; in a checkout they stand beside it.
DIRECTORY = next(path for path in (_PACKAGE / "migrations", _PACKAGE.parent / "migrations") if path.is_dir())


def load_migrations(app: Flask) -> click.Group:
    """Return Flask-Migrate's command group, for ``app`` and this project's migrations."""
    from flask_migrate import Migrate

    from clerk_sync.db import orm

    if "migrate" not in app.extensions:
        with app.app_context():
            orm.install(app, services().pool)
        Migrate(app, orm.db, directory=str(DIRECTORY))
    return cast("click.Group", app.cli.commands["db"])


class Migrations(click.Command):
    """The command that stands for the group until it is called. A callback that it is given replaces those of all."""

    def __init__(self, app: Flask) -> None:
        super().__init__("db", short_help="Perform database migrations.")
        self._app = app

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the real group: click runs the command that a context belongs to."""
        group = load_migrations(self._app)
        if self.callback is not None:
            for command in group.commands.values():
                command.callback = self.callback
        return group.make_context(info_name, args, parent, **extra)
