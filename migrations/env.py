"""``flask db`` for both histories: the mirror's first, then the shop's, in one transaction.

Alembic manages the shop's alone: ``downgrade``, ``migrate``, ``stamp`` and revision numbers are about the shop.
``upgrade`` brings the mirror up to date, too. The connection is named "flask db": the role guard does not apply to it,
nor do the application's time limits. The mirror's tables are in the schema of the settings, the shop's in ``public``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import psycopg2
from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from clerk_sync.cli.database_faults import describe_for_migrations
from clerk_sync.db import connect as database
from clerk_sync.db.history import read_revisions
from clerk_sync.db.search_path import SearchPath, quote_identifier
from clerk_sync.flask_db import SHOP_SCHEMA
from clerk_sync.mirror import migrations as mirror_migrations
from clerk_sync.mirror.models import MIRROR_TABLES
from clerk_sync.services import services
from clerk_sync.shop import models as _models  # noqa: F401 - adds the tables to the metadata
from clerk_sync.shop.db import db, users

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

histories = services().histories
mirror_schema = services().settings.schema
connect = replace(services().connect, application_name=database.MIGRATIONS_NAME)
engine = create_engine("postgresql+psycopg2://", creator=connect, poolclass=NullPool, isolation_level="READ COMMITTED")


def migrate() -> None:
    """Run the command in one transaction."""
    with engine.begin() as connection:
        # One release phase waits for the other; the lock ends with the transaction, so it works behind PgBouncer.
        connection.exec_driver_sql(mirror_migrations.LOCK)
        # Autogenerate compares the tables of the first schema. PostgreSQL names the schema of a foreign key's table
        # only if it is not in the path, so the path must have the mirror's schema if the models do not name it.
        path = SearchPath((SHOP_SCHEMA,) if users.schema else (SHOP_SCHEMA, mirror_schema))
        connection.exec_driver_sql(path.for_transaction)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_server_default=True,
            include_object=is_of_the_shop,
            mirror_schema=quote_identifier(mirror_schema).replace(":", r"\:"),  # op.execute takes :name for a parameter
            shop_schema=SHOP_SCHEMA,
        )
        migrate_mirror(cast("Connection", connection.connection.driver_connection), mirror_schema)
        context.run_migrations()


def migrate_mirror(connection: "Connection", schema: str) -> None:
    """Do the mirror's part of the command."""

    def fetch_all(statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    match context.get_context().opts["fn"].__name__:
        case "upgrade":
            revisions = read_revisions(fetch_all, histories)
            if revisions.elsewhere and revisions.versions != (None, None):
                # The shop's foreign keys lead to the mirror in the other schema.
                raise mirror_migrations.OtherSchemaError(schema, quote_identifier(schema), revisions.elsewhere)
            mirror_migrations.upgrade(connection, schema)
        case "display_version":
            context.config.print_stdout("mirror: %s", mirror_migrations.find_version(connection, schema))
        case "retrieve_migrations" if mirror_migrations.find_version(connection, schema) != mirror_migrations.HEAD:
            raise CommandError("The mirror's tables are not up to date: run `flask db upgrade`.")


def is_of_the_shop(item: Any, name: str | None, kind: str, *_: object) -> bool:
    """Return whether autogenerate compares ``item``: the mirror's tables have their own history."""
    table = name if kind == "table" else item.table.name
    return table not in MIRROR_TABLES


try:
    migrate()
except mirror_migrations.MigrationRefusedError as error:
    raise CommandError(f"`flask db` cannot use the database: {error}. Nothing was changed.") from None
except (DBAPIError, psycopg2.Error) as error:
    # ``flask db`` prints a CommandError as one line and exits with 1. The driver's text contains the host, the login
    # and the statement.
    cause = error.orig if isinstance(error, DBAPIError) else error
    sentence = describe_for_migrations(cast("psycopg2.Error", cause), connect, histories)
    raise CommandError(
        f"`flask db` cannot use the database: {sentence}. Nothing was changed; "
        "run `flask sync-clerk doctor` for details."
    ) from None
