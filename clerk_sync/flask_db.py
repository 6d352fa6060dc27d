"""``flask db``: Flask-Migrate for this application.

Alembic takes longer to load than the rest of the application, and only migrations need it. So the group is a command
that loads Flask-Migrate when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click
from flask import Flask

from clerk_sync.cli.not_installed import not_installed
from clerk_sync.db.history import History
from clerk_sync.optional import is_installed

_PACKAGE = Path(__file__).parent
# In a wheel the migrations are inside the package, in a checkout beside it.
DIRECTORY = next(path for path in (_PACKAGE / "migrations", _PACKAGE.parent / "migrations") if path.is_dir())

SHOP_HEAD = "0011"
"""The shop's newest revision. A test compares it with the files."""
SHOP_SCHEMA = "public"
SHOP_PRIVILEGES: Mapping[str, Sequence[str]] = {
    "alembic_version": ("SELECT",),
    "addresses": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "carts": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "cart_items": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "products": ("SELECT", "INSERT", "UPDATE"),
    "orders": ("SELECT", "INSERT", "UPDATE"),
    "order_items": ("SELECT", "INSERT", "UPDATE"),
}
"""The privileges that the service needs on the shop's tables. A test compares them with docs/two-roles.sql."""


def shop_history() -> History:
    """Return the history of the shop's tables. ``flask db upgrade`` applies the mirror's, too."""
    return History("shop", SHOP_SCHEMA, "alembic_version", SHOP_HEAD, SHOP_PRIVILEGES, command="flask db upgrade")


def load_migrations(app: Flask) -> click.Group:
    """Return Flask-Migrate's command group, for ``app`` and this project's migrations."""
    from flask_migrate import Migrate

    from clerk_sync.shop import db

    if "migrate" not in app.extensions:
        db.install(app)
        Migrate(app, db.db, directory=str(DIRECTORY))
    return cast("click.Group", app.cli.commands["db"])


def make_command(app: Flask) -> click.Command:
    """Return ``flask db``, or a command that names the extra that it needs."""
    has_migrate = is_installed("flask_migrate", "flask_sqlalchemy")
    return Migrations(app) if has_migrate else not_installed("db", "app")


class Migrations(click.Command):
    """``flask db`` before it is loaded. A callback that is set here replaces those of all its commands."""

    def __init__(self, app: Flask) -> None:
        super().__init__("db", short_help="Perform database migrations.")
        self._app = app

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return a context of Flask-Migrate's group: click runs the command of the context."""
        group = load_migrations(self._app)
        if self.callback is not None:
            for command in group.commands.values():
                command.callback = self.callback
        return group.make_context(info_name, args, parent, **extra)
