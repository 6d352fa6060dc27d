"""Finds obstacles: states of the database in which our statements would fail, each with its fix.

1. Is the session read-only: on a standby, or by ``default_transaction_read_only``?
2. Does our login lack a privilege on our tables or functions?
3. For migrations: may our login create tables, and does it own the existing ones?

All answers are read from the catalog. Nothing is written or locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import LiteralString, NamedTuple

from clerk_sync.db.errors import Fault, NotUtf8Error, find_fault
from clerk_sync.db.history import FetchAll, History


class Obstacle(NamedTuple):
    """An obstacle and its fix. Neither text names the login, the host or the database."""

    fault: Fault
    found: str
    fix: str


_GENERAL: Mapping[Fault, tuple[str, str]] = {
    Fault.UNREACHABLE: ("cannot be reached", "check that the server runs, and that DATABASE_URL is right"),
    Fault.NOT_UTF8: (
        "not UTF-8",
        "create another one with createdb -E UTF8 -T template0, then run flask db upgrade and flask sync-clerk sync",
    ),
    Fault.READ_ONLY: ("read-only", "a failover may be in progress: try again in a minute"),
    Fault.MISSING_PRIVILEGES: ("missing privileges", "as the owner of the tables, run docs/two-roles.sql"),
    Fault.NOT_MIGRATED: ("not migrated for this version", "run `flask db upgrade`"),
    Fault.OUT_OF_RESOURCES: ("out of disk, memory or connections", "free some, or use a larger plan"),
    Fault.BUSY: ("the database took too long", "try again when its load is lower"),
    Fault.BROKEN: ("an internal error of PostgreSQL", "read its log"),
}


def obstacle_of(error: BaseException) -> Obstacle | None:
    """Return the obstacle that ``error`` shows, or None if the error is about one statement."""
    fault = find_fault(error)
    if fault is None:
        return None
    found, fix = _GENERAL[fault]
    original = getattr(error, "orig", None) or error
    if isinstance(original, NotUtf8Error):
        found = f"not UTF-8: its encoding is {original.encoding}"
    elif fault is Fault.MISSING_PRIVILEGES and getattr(original, "pgcode", None) is None:
        found = "missing privileges: CONNECT on the database"  # other missing privileges have an SQLSTATE
    return Obstacle(fault, found, fix)


def find_obstacles(fetch_all: FetchAll, histories: Sequence[History]) -> list[Obstacle]:
    """Return what prevents our login from using the tables of ``histories``. A missing table is no obstacle here."""
    ((lacks, guarded),) = fetch_all(_PRIVILEGES, _list_tables(histories))
    obstacles = _find_read_only(fetch_all)
    if lacks:
        groups = _group(lacks)
        found = "; ".join(f"{privileges} on {objects}" for privileges, objects in groups)
        grants = "; ".join(f"GRANT {privileges} ON {objects} TO the login" for privileges, objects in groups)
        fix = f"as the owner: {grants}; or run docs/two-roles.sql, which grants only what is needed; {_PLAN}"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, f"missing privileges: {found}", fix))
    if guarded:
        found = f"missing privileges: row-level security without a policy on {', '.join(guarded)}"
        fix = "as the owner: ALTER TABLE … DISABLE ROW LEVEL SECURITY, or CREATE POLICY, for each of these"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, fix))
    return obstacles


def find_obstacles_to_migrations(fetch_all: FetchAll, histories: Sequence[History]) -> list[Obstacle]:
    """Return what prevents our login from creating and changing the tables of ``histories``."""
    ((not_owned, closed),) = fetch_all(_OWNERSHIP, _list_tables(histories))
    obstacles = _find_read_only(fetch_all)
    if not_owned:
        found = f"missing privileges: another login owns {', '.join(not_owned)}"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, "migrate with the DATABASE_URL of that login"))
    elif closed:
        name = ", ".join(closed)
        found = f"missing privileges: CREATE on schema {name}"
        fix = f"as the owner of the schema: GRANT USAGE, CREATE ON SCHEMA {name} TO the login"
        obstacles.append(Obstacle(Fault.MISSING_PRIVILEGES, found, fix))
    return obstacles


# Not transaction_read_only: the caller's transaction may be read-only on purpose.
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
_PLAN = "if a hosting plan is over its limit, free space or use a larger plan"


def _find_read_only(fetch_all: FetchAll) -> list[Obstacle]:
    ((is_standby, is_read_only, source),) = fetch_all(_READ_ONLY, {})
    if is_standby:
        return [Obstacle(Fault.READ_ONLY, "read-only: a standby answers", "set DATABASE_URL to the primary")]
    if not is_read_only:
        return []
    scope, reset = _READ_ONLY_BY.get(source, _READ_ONLY_BY_SERVER)
    fix = f"{reset} default_transaction_read_only; {_PLAN}"
    return [Obstacle(Fault.READ_ONLY, f"read-only: default_transaction_read_only is on {scope}", fix)]


_OURS: LiteralString = """
WITH ours AS (
    SELECT pg_class.oid, nspname, relname, relowner, pg_namespace.oid AS namespace,
        CASE nspname WHEN 'public' THEN '' ELSE quote_ident(nspname) || '.' END || relname AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN (
        SELECT DISTINCT * FROM unnest(CAST(%(schemas)s AS text[]), CAST(%(tables)s AS text[]))
    ) AS listed (nspname, relname) USING (nspname, relname)
)
"""
_PRIVILEGES: LiteralString = f"""{_OURS}, needed AS (
    SELECT * FROM ours
    JOIN unnest(CAST(%(schemas)s AS text[]), CAST(%(tables)s AS text[]), CAST(%(privileges)s AS text[]))
    WITH ORDINALITY AS listed (nspname, relname, privilege, place) USING (nspname, relname)
    WHERE has_schema_privilege(namespace, 'USAGE')
)
SELECT ARRAY(
    -- Tables of a schema without USAGE look as if they did not exist.
    SELECT DISTINCT ARRAY['USAGE', 'schema ', quote_ident(nspname)] FROM ours
    WHERE NOT has_schema_privilege(namespace, 'USAGE')
) || ARRAY(
    SELECT ARRAY[privilege, '', name] FROM needed
    WHERE NOT CASE privilege
        WHEN 'DELETE' THEN has_table_privilege(oid, privilege)
        -- By column, as docs/two-roles.sql grants them: the service writes no role and no identity column.
        ELSE (
            SELECT bool_and(has_column_privilege(attrelid, attnum, privilege)) FROM pg_attribute
            WHERE attrelid = needed.oid AND attnum > 0 AND NOT attisdropped
              AND (privilege = 'SELECT' OR attidentity = '' AND (relname, attname) <> ('users', 'role'))
        ) END
    ORDER BY place
) || ARRAY(
    SELECT ARRAY['EXECUTE', 'function ', proname::text] FROM pg_proc
    WHERE proname = ANY(%(functions)s) AND pronamespace IN (SELECT namespace FROM needed)
      AND NOT has_function_privilege(oid, 'EXECUTE')
    ORDER BY proname
), ARRAY(
    SELECT DISTINCT name FROM needed
    WHERE row_security_active(oid) AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = needed.oid)
    ORDER BY name
)
"""
_OWNERSHIP: LiteralString = f"""{_OURS}
SELECT ARRAY(
    SELECT DISTINCT name FROM ours WHERE NOT pg_has_role(relowner, 'USAGE') ORDER BY name
), ARRAY(
    SELECT DISTINCT quote_ident(name) FROM unnest(CAST(%(schemas)s AS text[])) AS name
    LEFT JOIN pg_namespace ON nspname = name
    WHERE NOT CASE WHEN nspname IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') END
)
"""


def _list_tables(histories: Sequence[History]) -> dict[str, list[str]]:
    """Return the tables of ``histories`` with each privilege that they need, as parallel arrays."""
    listed = [
        (history.schema, table, privilege)
        for history in histories
        for table, privileges in history.privileges.items()
        for privilege in privileges
    ]
    schemas, tables, privileges = (list(column) for column in zip(*listed, strict=True))
    functions = [name for history in histories for name in history.functions]
    return {"schemas": schemas, "tables": tables, "privileges": privileges, "functions": functions}


def _group(lacks: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Group objects by the privileges that they lack, in the words of GRANT."""
    by_object: dict[tuple[str, str], list[str]] = {}
    for privilege, kind, name in lacks:
        by_object.setdefault((kind, name), []).append(privilege)
    groups: dict[tuple[str, str], list[str]] = {}
    for (kind, name), privileges in by_object.items():
        groups.setdefault((", ".join(privileges), kind), []).append(name)
    return [(privileges, kind + ", ".join(names)) for (privileges, kind), names in groups.items()]
