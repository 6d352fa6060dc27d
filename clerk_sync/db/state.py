"""Whether the database lets us work: the obstacles that statements would meet, each with its fix.

1. Is the session read-only: on a standby, or by ``default_transaction_read_only``?
2. Does our login lack a privilege on our tables or functions?
3. For migrations: may our login create tables, and does it own those that are there?

Everything is read from the catalog, so nothing is tried out and nothing is locked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from clerk_sync.db.errors import Fault, NotUtf8Error, find_fault

Rows = Callable[[LiteralString, Mapping[str, object]], Sequence[tuple[Any, ...]]]
"""Sends one statement and returns its rows."""

_READ: Sequence[LiteralString] = ("SELECT",)
_WRITE: Sequence[LiteralString] = ("SELECT", "INSERT", "UPDATE")
_ALL: Sequence[LiteralString] = ("SELECT", "INSERT", "UPDATE", "DELETE")
NEEDED: Mapping[LiteralString, Sequence[LiteralString]] = {
    "users": _WRITE,
    "webhook_events": _WRITE,
    "mirror_binding": _WRITE,
    "sync_runs": _WRITE,
    "sync_missing": _ALL,
    "role_changes": _READ,
    "clerk_sync_version": _READ,
    "alembic_version": _READ,
    "addresses": _ALL,
    "carts": _ALL,
    "cart_items": _ALL,
    "products": _WRITE,
    "orders": _WRITE,
    "order_items": _WRITE,
}
"""What the service does with its tables. Tests hold it equal to docs/two-roles.sql and to the models."""

_FUNCTIONS = ("take_event",)


class Obstacle(NamedTuple):
    """What stands in the way, and how to mend it; neither text names the login, the host or the database."""

    fault: Fault
    found: str
    mend: str


_GENERAL: Mapping[Fault, tuple[str, str]] = {
    Fault.UNREACHABLE: ("cannot be reached", "is it up, and is DATABASE_URL right?"),
    Fault.NOT_UTF8: (
        "not UTF-8",
        "make another one with createdb -E UTF8 -T template0, then run flask db upgrade and flask sync-clerk sync",
    ),
    Fault.READ_ONLY: ("read-only", "a failover may be under way: try again in a minute"),
    Fault.MISSING_PRIVILEGES: ("missing privileges", "as the owner of the tables, run docs/two-roles.sql"),
    Fault.NOT_MIGRATED: ("not migrated for this version", "run `flask db upgrade`"),
    Fault.OUT_OF_RESOURCES: ("out of disk, memory or connections", "make room, or take a larger plan"),
    Fault.BUSY: ("the database took too long", "try again when it has less to do"),
    Fault.BROKEN: ("an error inside PostgreSQL", "look at its log"),
}


def obstacle_of(error: BaseException) -> Obstacle | None:
    """Return what ``error`` says about the database, or None where it is about one statement."""
    fault = find_fault(error)
    if fault is None:
        return None
    found, mend = _GENERAL[fault]
    original = getattr(error, "orig", None) or error
    if isinstance(original, NotUtf8Error):
        found = f"not UTF-8: its encoding is {original.encoding}"
    elif fault is Fault.MISSING_PRIVILEGES and getattr(original, "pgcode", None) is None:
        found = "missing privileges: CONNECT on the database"  # what else is missing has an SQLSTATE
    return Obstacle(fault, found, mend)


def find_obstacles(rows: Rows) -> list[Obstacle]:
    """Return what keeps our login from reading and writing our tables; tables that are not there are no obstacle."""
    ((lacks, guarded),) = rows(_PRIVILEGES, {"functions": list(_FUNCTIONS)})
    obstacles = _find_read_only(rows)
    if lacks:
        groups = _group(lacks)
        found = "; ".join(f"{privileges} on {objects}" for privileges, objects in groups)
        grants = "; ".join(f"GRANT {privileges} ON {objects} TO the login" for privileges, objects in groups)
        mend = f"as the owner: {grants}; or run docs/two-roles.sql, which grants no more than is needed; {_PLAN}"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, f"missing privileges: {found}", mend))
    if guarded:
        found = f"missing privileges: row-level security without a policy on {', '.join(guarded)}"
        mend = "as the owner: ALTER TABLE … DISABLE ROW LEVEL SECURITY, or CREATE POLICY, for each of these"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, mend))
    return obstacles


def find_obstacles_to_migrations(rows: Rows) -> list[Obstacle]:
    """Return what keeps our login from creating and changing our tables."""
    ((schema, may_create, not_owned),) = rows(_OWNERSHIP, {"tables": list(NEEDED)})
    obstacles = _find_read_only(rows)
    if not_owned:
        found = f"missing privileges: another login owns {', '.join(not_owned)}"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, "migrate with the DATABASE_URL of that login"))
    elif not may_create:
        name = schema or "public"
        found = f"missing privileges: CREATE on schema {name}"
        mend = f"as the owner of the schema: GRANT USAGE, CREATE ON SCHEMA {name} TO the login"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, mend))
    return obstacles


# Not transaction_read_only: the caller's own transaction may be read-only on purpose.
_READ_ONLY: LiteralString = """
SELECT pg_is_in_recovery(), setting = 'on', source FROM pg_settings WHERE name = 'default_transaction_read_only'
"""
_READ_ONLY_BY = {
    "user": ("for our login", "ALTER ROLE … RESET"),
    "database user": ("for our login in this database", "ALTER ROLE … IN DATABASE … RESET"),
    "database": ("for this database", "ALTER DATABASE … RESET"),
    "client": ("by DATABASE_URL or PGOPTIONS", "remove the option that sets"),
}
_READ_ONLY_BY_SERVER = ("for the whole server", "ALTER SYSTEM RESET")
_PLAN = "if a hosting plan is over its limit, make room or take a larger plan"


def _find_read_only(rows: Rows) -> list[Obstacle]:
    ((is_standby, is_read_only, source),) = rows(_READ_ONLY, {})
    if is_standby:
        return [Obstacle(Fault.READ_ONLY, "read-only: a standby answers", "DATABASE_URL has to lead to the primary")]
    if not is_read_only:
        return []
    scope, reset = _READ_ONLY_BY.get(source, _READ_ONLY_BY_SERVER)
    mend = f"{reset} default_transaction_read_only; {_PLAN}"
    return [Obstacle(Fault.READ_ONLY, f"read-only: default_transaction_read_only is on {scope}", mend)]


_NEEDED: LiteralString = ", ".join(f"('{name}', '{privilege}')" for name in NEEDED for privilege in NEEDED[name])
_PRIVILEGES: LiteralString = f"""
WITH needed AS (
    SELECT name, privilege, to_regclass(name) AS oid
    FROM (VALUES {_NEEDED}) AS needed (name, privilege)
)
SELECT ARRAY(
    -- The tables of a schema that we may not use seem not to be there.
    SELECT ARRAY['USAGE', 'schema ', quote_ident(nspname)]
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'webhook_events' AND to_regclass('webhook_events') IS NULL
      AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
      AND quote_ident(nspname) = ANY(string_to_array(replace(current_setting('search_path'), ' ', ''), ','))
) || ARRAY(
    SELECT ARRAY[privilege, '', name] FROM needed
    WHERE oid IS NOT NULL AND NOT CASE privilege
        WHEN 'DELETE' THEN has_table_privilege(oid, privilege)
        -- Column by column, because docs/two-roles.sql grants so: the service writes no role and no identity.
        ELSE (
            SELECT bool_and(has_column_privilege(attrelid, attnum, privilege)) FROM pg_attribute
            WHERE attrelid = needed.oid AND attnum > 0 AND NOT attisdropped
              AND (privilege = 'SELECT' OR attidentity = '' AND (name, attname) <> ('users', 'role'))
        ) END
) || ARRAY(
    SELECT ARRAY['EXECUTE', 'function ', proname::text] FROM pg_proc
    WHERE proname = ANY(%(functions)s) AND pg_function_is_visible(oid) AND NOT has_function_privilege(oid, 'EXECUTE')
    ORDER BY proname
), ARRAY(
    SELECT DISTINCT name FROM needed
    WHERE oid IS NOT NULL AND row_security_active(oid)
      AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = needed.oid)
    ORDER BY name
)
"""
_OWNERSHIP: LiteralString = """
SELECT current_schema(), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), ARRAY(
    SELECT relname FROM pg_class
    WHERE oid IN (SELECT to_regclass(name) FROM unnest(%(tables)s) AS name) AND NOT pg_has_role(relowner, 'USAGE')
    ORDER BY relname
)
"""


def _group(lacks: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Return privileges, each with the objects that lack just these, as GRANT names them."""
    by_object: dict[tuple[str, str], list[str]] = {}
    for privilege, kind, name in lacks:
        by_object.setdefault((kind, name), []).append(privilege)
    groups: dict[tuple[str, str], list[str]] = {}
    for (kind, name), privileges in by_object.items():
        groups.setdefault((", ".join(privileges), kind), []).append(name)
    return [(privileges, kind + ", ".join(names)) for (privileges, kind), names in groups.items()]
