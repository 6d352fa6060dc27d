"""Migrations run on a connection of their own: outside the role guard, and without the application's time limits."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from clerk_sync.cli.database_faults import migration_sentence_of
from clerk_sync.db import connect as database
from clerk_sync.db.orm import db
from clerk_sync.extensions import services
from clerk_sync.shop import models as _models  # noqa: F401 - adds the tables to the metadata

if TYPE_CHECKING:
    import psycopg2

connect = database.connection_factory(
    services().settings.database_url, Path(current_app.instance_path) / "postgres", database.MIGRATIONS_NAME
)
engine = create_engine("postgresql+psycopg2://", creator=connect, poolclass=NullPool)


def migrate() -> None:
    """Do what the command asks for, in one transaction."""
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata, compare_server_default=True)
        with context.begin_transaction():
            # Two release phases at once must not migrate at once; released with the transaction, fit for PgBouncer.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('clerk_sync migrations'))")
            context.run_migrations()


try:
    migrate()
except DBAPIError as error:
    # ``flask db`` prints a CommandError as one line and ends with 1. The driver's text names host and login, and quotes
    # the statement.
    sentence = migration_sentence_of(cast("psycopg2.Error", error.orig), connect)
    raise CommandError(f"{sentence}. Nothing was changed; `flask sync-clerk doctor` looks closer.") from None
