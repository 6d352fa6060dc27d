"""``flask sync-clerk migrate``: bring the mirror's tables up to date, or print the SQL that does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

    from clerk_sync.mirror.migrations import Migration


@click.command(short_help="Create or update the mirror's tables.")
@click.option("--sql", "as_sql", is_flag=True, help="Print what is still to do as SQL, and change nothing.")
@with_appcontext
def migrate(*, as_sql: bool) -> None:
    """Create the mirror's schema and its tables, or bring them up to date. Several processes may run it at once.

    The schema is that of CLERK_SYNC_SCHEMA, by default public. The login must own the tables, and may create the schema
    if it has CREATE on the database.

    --sql prints one transaction for psql, and nothing if there is nothing to do.

    Exit status: 0 done, or nothing to do; 1 it cannot be done, and nothing was changed.
    """
    from contextlib import closing
    from dataclasses import replace

    import psycopg2

    from clerk_sync.cli.database_faults import describe_for_migrations
    from clerk_sync.db.connect import MIGRATE_NAME
    from clerk_sync.mirror.migrations import MigrationRefusedError, mirror_history
    from clerk_sync.services import services

    schema = services().settings.schema
    connect = replace(services().connect, application_name=MIGRATE_NAME)
    try:
        with closing(connect()) as connection:
            # A snapshot from before the lock would not show what another process has just migrated.
            connection.set_session(isolation_level="READ COMMITTED")
            (_print if as_sql else _apply)(connection, schema)
    except MigrationRefusedError as error:
        _fail(str(error))
    except psycopg2.Error as error:
        _fail(describe_for_migrations(error, connect, [mirror_history(schema)]))


def _apply(connection: Connection, schema: str) -> None:
    from clerk_sync.mirror.migrations import HEAD, find_version, upgrade

    applied = upgrade(connection, schema)
    version = find_version(connection, schema)
    connection.commit()
    if version and version > HEAD:
        click.echo(
            f"The mirror's tables in schema {schema} are at {version}, newer than this release ({HEAD}), "
            "which works with them: migrations only add."
        )
    else:
        done = "are now" if applied else "were already"
        click.echo(f"The mirror's tables in schema {schema} {done} at {version}.")


def _print(connection: Connection, schema: str) -> None:
    from clerk_sync.mirror.migrations import find_pending

    connection.set_session(readonly=True)
    pending = find_pending(connection, schema)
    if pending:
        click.echo(_as_transaction(pending))


def _as_transaction(pending: list[Migration]) -> str:
    from clerk_sync.mirror.migrations import LOCK

    return "\n".join(["BEGIN;", f"{LOCK};", *(migration.sql for migration in pending), "COMMIT;"])


def _fail(sentence: str) -> NoReturn:
    click.echo(f"The mirror cannot be migrated: {sentence}. Nothing was changed.", err=True)
    sys.exit(1)
