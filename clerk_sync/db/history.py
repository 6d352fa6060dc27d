"""Histories of migrations: which tables they create, and how far each has been applied to the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from clerk_sync.db.search_path import quote_identifier

FetchAll = Callable[[LiteralString, Mapping[str, object]], Sequence[tuple[Any, ...]]]
"""Sends one statement and returns its rows."""

MIRROR_VERSION_TABLE = "clerk_sync_version"
MIRROR_TABLE = "mirror_binding"
"""A table of the mirror that no other application has, and that every release has."""


@dataclass(frozen=True)
class History:
    """One history of migrations. ``command`` applies it.

    ``privileges`` are those that the service needs on each table. If ``only_adds``, a newer database serves older code.
    """

    name: str
    schema: str
    version_table: str
    head: str
    privileges: Mapping[str, Sequence[str]]
    functions: tuple[str, ...] = ()
    only_adds: bool = False
    command: str = "flask sync-clerk migrate"

    def __str__(self) -> str:
        return _describe(self, self.head)


@dataclass(frozen=True)
class Revisions:
    """How far ``histories`` have been applied. A version is None if its table does not exist in the schema.

    ``elsewhere`` are the schemas that have a mirror while ours has none.
    """

    histories: tuple[History, ...]
    versions: tuple[str | None, ...]
    elsewhere: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.versions[0] is None:
            schema = self.histories[0].schema
            never = "never run" if schema == "public" else f"never run in schema {schema}"
            return f"{never}; the mirror is in schema {', '.join(self.elsewhere)}" if self.elsewhere else never
        pairs = zip(self.histories, self.versions, strict=True)
        return "at " + ", ".join(_describe(history, version or "0") for history, version in pairs)

    @property
    def expected(self) -> str:
        """The versions that this code expects."""
        return ", ".join(map(str, self.histories))

    @property
    def is_newer(self) -> bool:
        """Whether a newer release has migrated the database."""
        return any(version and version > history.head for history, version in self._pairs)

    @property
    def serve_this_code(self) -> bool:
        """Whether this code can work with them.

        The mirror may be newer: its migrations only add, and they have no downgrade, so a rollback must not need one.
        """
        return all(
            version is not None and (version == history.head or (history.only_adds and version > history.head))
            for history, version in self._pairs
        )

    @property
    def fix(self) -> str:
        """What brings the database up to date."""
        command = f"run `{self.histories[-1].command}`"
        if self.elsewhere:
            return f"set CLERK_SYNC_SCHEMA={self.elsewhere[0]}; or, for another mirror, {command}"
        return command

    @property
    def _pairs(self) -> list[tuple[History, str | None]]:
        return list(zip(self.histories, self.versions, strict=True))


def _describe(history: History, version: str) -> str:
    return f"{history.name} {version}" + ("" if history.schema == "public" else f" in schema {history.schema}")


_VERSION_TABLES: LiteralString = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relname = ANY(%(tables)s) AND relkind IN ('r', 'p')
"""


def read_revisions(fetch_all: FetchAll, histories: Sequence[History]) -> Revisions:
    """Return the revisions of the database. Raise the driver's error if a version table cannot be read."""
    tables = sorted({MIRROR_TABLE, *(history.version_table for history in histories)})
    existing = set(fetch_all(_VERSION_TABLES, {"tables": tables}))
    versions = tuple(_read_version(fetch_all, each, existing) for each in histories)
    elsewhere = (
        ()
        if versions[0]
        else sorted(schema for schema, table in existing if table == MIRROR_TABLE and schema != histories[0].schema)
    )
    return Revisions(tuple(histories), versions, tuple(elsewhere))


def _read_version(fetch_all: FetchAll, history: History, existing: set[tuple[Any, ...]]) -> str | None:
    if (history.schema, history.version_table) not in existing:
        return None
    table: LiteralString = f"{quote_identifier(history.schema)}.{quote_identifier(history.version_table)}"
    rows = fetch_all(f"SELECT version_num FROM {table}", {})
    return str(rows[0][0]) if rows else "0"
