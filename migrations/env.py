"""Migrations run on a connection of their own: outside the role wall, and without the application's time limits."""

from pathlib import Path

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from clerk_sync import database
from clerk_sync.extensions import services
from clerk_sync.orm import db

connect = database.connector(
    services().settings.database_url, Path(current_app.instance_path) / "postgres", database.MIGRATIONS_NAME
)
engine = create_engine("postgresql+psycopg2://", creator=connect, poolclass=NullPool)


def reach_database() -> Connection:
    """Return a connection; raise CommandError, which ``flask db`` prints as one line and ends with 1, for none.

    The driver's text is left out: it names the host and the login.
    """
    try:
        return engine.connect()
    except OperationalError:
        raise CommandError(
            "the database cannot be reached, and nothing was migrated. "
            "Is it up, and is DATABASE_URL right? `flask sync-clerk doctor` looks closer."
        ) from None


with reach_database() as connection:
    context.configure(connection=connection, target_metadata=db.metadata, compare_server_default=True)
    with context.begin_transaction():
        # Two release phases at once must not migrate at once; released with the transaction, fit for PgBouncer.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('clerk_sync migrations'))")
        context.run_migrations()
