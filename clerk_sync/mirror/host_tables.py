"""The mirror's tables for the models and migrations of the application around it.

The mirror's own migrations create them, so the application's must leave them alone: ``is_of_the_mirror`` tells
Alembic, and ``create_all`` and ``drop_all`` skip the tables that ``copy_table`` makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.sql.ddl import DDLIf

from clerk_sync.mirror.models import MIRROR_TABLES, users

DEFAULT_SCHEMA = "public"

_TABLES: Mapping[str, Table] = {users.name: users}

# They decide ties between two snapshots of one version: nothing for the application to read.
_INTERNAL_COLUMNS = frozenset({"event_at", "content_digest"})

_IS_OURS = "clerk_sync"


class TableNameTakenError(Exception):
    """The application has a table of its own with the name of a mirrored one, in the same schema."""

    def __init__(self, name: str, schema: str) -> None:
        super().__init__(
            f"The application has a table {name!r} of its own in the schema {schema!r}, which is the mirror's. "
            "Set CLERK_SYNC_SCHEMA, or Settings(schema=…), to a schema of the mirror's own, such as clerk."
        )


def copy_table(name: str, metadata: MetaData, schema: str) -> Table:
    """Return the mirror's table ``name`` in ``metadata``; a second call returns the same table.

    Raises ValueError for another name, and TableNameTakenError.
    """
    if name not in _TABLES:
        raise ValueError(f"there is no mirrored table {name!r}; the tables are: {', '.join(_TABLES)}")
    # PostgreSQL reports tables of the default schema without it, and Alembic compares foreign keys as reported.
    used_schema = None if schema == DEFAULT_SCHEMA and metadata.schema is None else schema
    known = metadata.tables.get(f"{used_schema}.{name}" if used_schema else name)
    if known is not None:
        if _IS_OURS not in known.info:
            raise TableNameTakenError(name, schema)
        return known
    columns = [column._copy() for column in _TABLES[name].columns if column.name not in _INTERNAL_COLUMNS]
    table = Table(name, metadata, *columns, schema=used_schema, info={_IS_OURS: True})
    # SQLAlchemy asks this before CREATE TABLE and DROP TABLE. It has a public method for it on indexes only.
    table._ddl_if = DDLIf(None, _never, None)  # type: ignore[attr-defined]
    return table


def is_of_the_mirror(item: Any, name: str | None, kind: str, schema: str) -> bool:
    """Return whether an object that Alembic compares belongs to the mirror's tables in ``schema``."""
    table = item if kind == "table" else getattr(item, "table", None)
    table_name = name if kind == "table" else getattr(table, "name", None)
    return table_name in MIRROR_TABLES and (getattr(table, "schema", None) or DEFAULT_SCHEMA) == schema


def _never(*_: object, **__: object) -> bool:
    return False
