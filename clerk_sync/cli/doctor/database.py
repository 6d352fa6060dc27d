"""The database: whether it answers, how far it is migrated, and whether it has room for our connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import psycopg2

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.database_faults import fault_of, is_not_migrated
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.cli.doctor.patient import Patient
from clerk_sync.database import POOL_SIZE, SCHEMA_REVISION

DATABASE, TLS, ROOM, MIGRATIONS = "database", "database TLS", "database connections", "migrations"
POOLS = 2  # of each worker: one for sessions, one for single statements

_ABOUT: LiteralString = """
SELECT current_setting('server_version_num')::integer / 10000, pg_is_in_recovery(),
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
"""
_REVISION: LiteralString = "SELECT version_num FROM alembic_version"


def look_at_database(patient: Patient) -> Iterator[Finding]:
    """Yield whether the database can be used; where it answers, the patient has a database from here on."""
    if "DATABASE_URL" in patient.problems:
        yield warning(DATABASE, "not asked", "mend DATABASE_URL first")
        return
    try:
        ((version, is_standby, connections),) = patient.transactions.rows(_ABOUT)
    except psycopg2.Error as error:
        yield wrong(DATABASE, fault_of(error), "is it up, and is DATABASE_URL right?")
        return
    patient.has_database = True
    if is_standby:
        yield wrong(DATABASE, "a read-only standby answers", "DATABASE_URL has to lead to the primary")
    else:
        yield ok(DATABASE, f"PostgreSQL {version} answers")
    yield from _judge_tls(patient)
    yield _judge_room(patient, connections)


def look_at_migrations(patient: Patient) -> Iterator[Finding]:
    """Yield whether the tables are those that this code expects."""
    try:
        revisions = patient.transactions.rows(_REVISION)
    except psycopg2.ProgrammingError as error:
        if not is_not_migrated(error):
            raise
        revisions = []
    revision = revisions[0][0] if revisions else None
    patient.has_tables = revision is not None and revision >= SCHEMA_REVISION
    if revision == SCHEMA_REVISION:
        yield ok(MIGRATIONS, f"at {revision}, as this code expects")
    elif revision is not None and revision > SCHEMA_REVISION:
        yield wrong(MIGRATIONS, f"at {revision}, this code expects {SCHEMA_REVISION}", "deploy the newer code again")
    else:
        found = f"at {revision}" if revision else "never run"
        yield wrong(MIGRATIONS, f"{found}, this code expects {SCHEMA_REVISION}", "flask db upgrade")


def _judge_tls(patient: Patient) -> Iterator[Finding]:
    info = patient.transactions.info
    if info.ssl_in_use:
        yield ok(TLS, "on")
    elif (info.host or "/").startswith("/") or info.host in LOOPBACK:
        yield ok(TLS, "off, and the database is on this machine")
    else:
        yield warning(TLS, "off: data and password travel in the clear", "append ?sslmode=require to DATABASE_URL")


def _judge_room(patient: Patient, allowed: int) -> Finding:
    workers = patient.settings.web_concurrency
    kept = workers * POOLS * POOL_SIZE
    told = f"{workers} workers keep {kept}, the server takes {allowed}"
    if kept > allowed:
        return warning(ROOM, told, "fewer WEB_CONCURRENCY, a larger plan, or PgBouncer in between")
    return ok(ROOM, told)
