"""The mirror's migrations: SQL files that are applied in the order of their names. They import no code.

1. Take a lock, so that two processes never migrate at once.
2. Create the schema if it does not exist. Refuse a schema with tables that are not the mirror's.
3. Read the version of the database from ``clerk_sync_version``. A database of the release before this history has no
   such table; it starts after ``0001``.
4. Apply the files after that version and store the last one's number. All of it is one transaction, the caller's.

``{schema}`` in a file is the schema of the mirror. There is no downgrade: write a further migration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from psycopg2.errors import InsufficientPrivilege

from clerk_sync.db.history import MIRROR_TABLE, MIRROR_VERSION_TABLE, History

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

_FILES = sorted(Path(__file__).parent.glob("[0-9]*.sql"))
HEAD = _FILES[-1].name.partition("_")[0]
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('clerk_sync migrations'))"
"""It ends with the transaction, so that it works behind PgBouncer."""

_PREVIOUS_HISTORY, _PREVIOUS_VERSION = "0010", "0001"
_NO_TABLES = "0000"

_READ: Sequence[str] = ("SELECT",)
_WRITE: Sequence[str] = ("SELECT", "INSERT", "UPDATE")
PRIVILEGES: Mapping[str, Sequence[str]] = {
    "users": _WRITE,
    "webhook_events": _WRITE,
    "mirror_binding": _WRITE,
    "sync_runs": _WRITE,
    "sync_missing": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "role_changes": _READ,
    MIRROR_VERSION_TABLE: _READ,
}
"""The tables that these migrations create, and the privileges that the service needs on them."""


def mirror_history(schema: str) -> History:
    """Return the history of the mirror's tables in ``schema``."""
    return History("mirror", schema, MIRROR_VERSION_TABLE, HEAD, PRIVILEGES, ("take_event",), only_adds=True)


class MigrationRefusedError(Exception):
    """The mirror cannot be migrated in this schema. The text is one sentence with the fix, without a full stop."""


class UnsupportedRevisionError(MigrationRefusedError):
    """The tables are those of a release that cannot be upgraded."""

    def __init__(self) -> None:
        super().__init__(
            f"its tables are older than revision {_PREVIOUS_HISTORY} of the previous history "
            "(upgrade with that release first, or migrate an empty database)"
        )


class ForeignTablesError(MigrationRefusedError):
    """The schema has tables with the mirror's names, but not the mirror's."""

    def __init__(self, schema: str, names: Sequence[str]) -> None:
        super().__init__(
            f"schema {schema} has tables of another application: {', '.join(names)} "
            "(set CLERK_SYNC_SCHEMA to a schema of its own, such as clerk)"
        )


class OtherSchemaError(MigrationRefusedError):
    """The database has a mirror in another schema, and ours does not exist. Perhaps the setting was changed."""

    def __init__(self, schema: str, quoted: str, others: Sequence[str]) -> None:
        super().__init__(
            f"the mirror is in schema {', '.join(others)}, but CLERK_SYNC_SCHEMA is {schema} "
            f"(set CLERK_SYNC_SCHEMA={others[0]}; or, for another mirror, run CREATE SCHEMA {quoted} first)"
        )


class SchemaMissingError(MigrationRefusedError):
    """The schema does not exist, and the login may not create it."""

    def __init__(self, schema: str, quoted: str) -> None:
        super().__init__(
            f"schema {schema} does not exist, and the login may not create it "
            f"(as the owner of the database: CREATE SCHEMA {quoted} AUTHORIZATION the login)"
        )


class VersionLostError(MigrationRefusedError):
    """The version table has no row."""

    def __init__(self, table: str) -> None:
        super().__init__(f"{table} has no row (restore it from a backup, or migrate an empty schema)")


class Migration(NamedTuple):
    """One migration, ready to be executed in one schema. ``version`` is the version of the tables after it."""

    version: str
    sql: str
    creates_schema: bool = False


def upgrade(connection: Connection, schema: str) -> list[Migration]:
    """Bring the mirror's tables in ``schema`` up to date and return what was applied; the caller commits.

    Raises psycopg2's errors, and MigrationRefusedError.
    """
    _fetch_all(connection, LOCK)
    pending = find_pending(connection, schema)
    quoted = _quote(connection, schema)
    with connection.cursor() as cursor:
        for migration in pending:
            try:
                cursor.execute(migration.sql)
            except InsufficientPrivilege:
                if migration.creates_schema:
                    raise SchemaMissingError(schema, quoted) from None
                raise
    return pending


def find_pending(connection: Connection, schema: str) -> list[Migration]:
    """Return the migrations that the database lacks. Raises psycopg2's errors, and MigrationRefusedError."""
    quoted = _quote(connection, schema)
    current = find_version(connection, schema)
    pending: list[Migration] = []
    if current is None:
        if not _fetch_all(connection, _SCHEMA, (schema,)):
            if mirrors := [name for (name,) in _fetch_all(connection, _MIRRORS, (MIRROR_TABLE,))]:
                raise OtherSchemaError(schema, quoted, mirrors)
            pending.append(Migration(_NO_TABLES, f"CREATE SCHEMA {quoted};", creates_schema=True))
        current = _find_previous_history(connection, schema, quoted)
        column = "version_num text CONSTRAINT pk_clerk_sync_version PRIMARY KEY"
        create = f"CREATE TABLE {quoted}.{MIRROR_VERSION_TABLE} ({column});"
        pending.append(
            Migration(current, f"{create}\nINSERT INTO {quoted}.{MIRROR_VERSION_TABLE} VALUES ('{current}');")
        )
    # The bodies of functions contain the schema's name, which may contain their delimiter.
    delimiter = next(text for text in (f"${'q' * length}$" for length in count()) if text not in schema)
    for file in _FILES:
        version = file.name.partition("_")[0]
        if version > current:
            sql = file.read_text().replace("$$", delimiter).replace("{schema}", quoted)
            store = f"UPDATE {quoted}.{MIRROR_VERSION_TABLE} SET version_num = '{version}';"
            pending.append(Migration(version, f"{sql}\n{store}"))
    return pending


def find_version(connection: Connection, schema: str) -> str | None:
    """Return the version of the mirror's tables in ``schema``, or None if they were never migrated."""
    if not _fetch_all(connection, _RELATIONS, (schema, [MIRROR_VERSION_TABLE])):
        return None
    table = f"{_quote(connection, schema)}.{MIRROR_VERSION_TABLE}"
    rows = _fetch_all(connection, f"SELECT version_num FROM {table}")
    if not rows:
        raise VersionLostError(table)
    return str(rows[0][0])


_SCHEMA: LiteralString = "SELECT oid FROM pg_namespace WHERE nspname = %s"
_MIRRORS: LiteralString = """
SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relname = %s ORDER BY 1
"""
_RELATIONS: LiteralString = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = %s AND relname = ANY(%s) ORDER BY 1
"""


def _find_previous_history(connection: Connection, schema: str, quoted: str) -> str:
    """Return the version to start after: that of the tables if the release before this history made them."""
    names = {name for (name,) in _fetch_all(connection, _RELATIONS, (schema, [*PRIVILEGES, "alembic_version"]))}
    ours = sorted(names & PRIVILEGES.keys())
    if not ours:
        return _NO_TABLES
    if not {"webhook_events", MIRROR_TABLE, "alembic_version"} <= names:
        raise ForeignTablesError(schema, ours)
    if _fetch_all(connection, f"SELECT version_num FROM {quoted}.alembic_version") != [(_PREVIOUS_HISTORY,)]:
        raise UnsupportedRevisionError
    return _PREVIOUS_VERSION


def _quote(connection: Connection, name: str) -> str:
    """Return ``name`` as PostgreSQL writes identifiers: with quotes only if they are needed."""
    return str(_fetch_all(connection, "SELECT quote_ident(%s)", (name,))[0][0])


def _fetch_all(
    connection: Connection, statement: str, values: tuple[object, ...] | None = None
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
