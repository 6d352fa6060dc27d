"""The mirror's migrations: SQL files that are applied in the order of their names. They import no code.

1. Take a lock, so that two processes never migrate at once.
2. Read the version of the database from ``clerk_sync_version``. A database of the release before this history has no
   such table; it starts after ``0001``.
3. Apply the files after that version and store the last one's number. All of it is one transaction, the caller's.

``{schema}`` in a file is the schema of the mirror. There is no downgrade: write a further migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from clerk_sync.db.state import FetchAll

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

_FILES = sorted(Path(__file__).parent.glob("[0-9]*.sql"))
HEAD = _FILES[-1].name.partition("_")[0]

_PREVIOUS_HISTORY, _PREVIOUS_VERSION = "0010", "0001"


class Revisions(NamedTuple):
    """How far the two histories of migrations have been applied."""

    mirror: str
    shop: str

    def __str__(self) -> str:
        return f"mirror {self.mirror}, shop {self.shop}"

    @property
    def serve_this_code(self) -> bool:
        """Whether this code can work with them.

        The mirror may be newer: its migrations only add, and they have no downgrade, so a rollback must not need one.
        """
        return self.mirror >= EXPECTED_REVISIONS.mirror and self.shop == EXPECTED_REVISIONS.shop


EXPECTED_REVISIONS = Revisions(mirror=HEAD, shop="0011")
"""The newest migrations. A test compares the shop's with its files."""

_REVISIONS: LiteralString = """
SELECT coalesce((SELECT version_num FROM clerk_sync_version), '0'),
       coalesce((SELECT version_num FROM alembic_version), '0')
"""


def read_revisions(fetch_all: FetchAll) -> Revisions:
    """Return the revisions of the database; raise the driver's error if it was never migrated."""
    return Revisions(*fetch_all(_REVISIONS, {})[0])


class UnsupportedRevisionError(Exception):
    """The tables are those of a release that cannot be upgraded."""

    def __init__(self) -> None:
        super().__init__(
            f"its tables are older than revision {_PREVIOUS_HISTORY} of the previous history "
            "(upgrade with that release first, or migrate an empty database)"
        )


class Migration(NamedTuple):
    """One migration, ready to be executed in one schema."""

    version: str
    sql: str


def upgrade(connection: Connection, schema: str = "public") -> None:
    """Bring the mirror's tables in ``schema`` up to date; the caller commits.

    Raises psycopg2's errors, and UnsupportedRevisionError.
    """
    with connection.cursor() as cursor:
        # The lock ends with the transaction, so that it works behind PgBouncer.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('clerk_sync migrations'))")
        for migration in find_pending(connection, schema):
            cursor.execute(migration.sql)


def find_pending(connection: Connection, schema: str = "public") -> Iterator[Migration]:
    """Yield the migrations that the database lacks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(%s)", (schema,))
        ((quoted,),) = cursor.fetchall()
    current = find_version(connection, schema)
    table = f"{quoted}.clerk_sync_version"
    if current is None:
        create = f"CREATE TABLE {table} (version_num text CONSTRAINT pk_clerk_sync_version PRIMARY KEY);"
        current = _find_previous_history(connection, quoted)
        yield Migration(current, f"{create}\nINSERT INTO {table} VALUES ('{current}');")
    for file in _FILES:
        version = file.name.partition("_")[0]
        if version > current:
            sql = file.read_text().replace("{schema}", quoted)
            yield Migration(version, f"{sql}\nUPDATE {table} SET version_num = '{version}';")


def find_version(connection: Connection, schema: str = "public") -> str | None:
    """Return the version of the mirror's tables in ``schema``, or None if they were never migrated."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(format('%%I.clerk_sync_version', %s::text))::text", (schema,))
        ((table,),) = cursor.fetchall()
        if table is None:
            return None
        cursor.execute(f"SELECT version_num FROM {table}")
        return next((version for (version,) in cursor.fetchall()), None)


def _find_previous_history(connection: Connection, quoted: str) -> str:
    """Return the version to start after: that of the tables if the release before this history made them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", (f"{quoted}.webhook_events",))
        if cursor.fetchall() == [(True,)]:
            return "0000"
        cursor.execute(f"SELECT version_num FROM {quoted}.alembic_version")
        if cursor.fetchall() != [(_PREVIOUS_HISTORY,)]:
            raise UnsupportedRevisionError
        return _PREVIOUS_VERSION
