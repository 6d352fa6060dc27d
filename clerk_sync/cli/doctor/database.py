"""Check the database: connection, privileges, TLS, number of connections, and migrations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import psycopg2

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.cli.database_faults import find_obstacle
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.db.connect import ENCODING, POOL_SIZE
from clerk_sync.db.errors import Fault
from clerk_sync.db.history import read_revisions
from clerk_sync.db.state import Obstacle, find_obstacles

DATABASE, PRIVILEGES, TLS, CONNECTIONS = "database", "database privileges", "database TLS", "database connections"
MIGRATIONS = "migrations"

_ABOUT: LiteralString = """
SELECT current_setting('server_version_num')::integer / 10000,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
"""


def check_database(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the database can be used, and store in ``context`` that it answers."""
    if "DATABASE_URL" in context.problems:
        yield warning(DATABASE, "not checked", "fix DATABASE_URL first")
        return
    try:
        ((version, connections),) = context.transactions.fetch_all(_ABOUT)
        obstacles = find_obstacles(context.transactions.fetch_all, context.histories)
    except psycopg2.Error as error:
        obstacle = find_obstacle(error)
        if obstacle is None:
            raise
        yield wrong(DATABASE, obstacle.found, obstacle.fix)
        return
    context.has_database = True
    yield from _judge_writing(f"PostgreSQL {version} answers, in {ENCODING}", obstacles)
    if any("USAGE on schema" in each.found for each in obstacles):
        context.tables_unusable = "the login has no right to use their schema"
    yield from _judge_tls(context)
    yield _judge_connections(context, connections)


def check_migrations(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the tables are those that this code expects."""
    if context.tables_unusable is not None:
        yield warning(MIGRATIONS, f"not checked: {context.tables_unusable}")
        return
    found = read_revisions(context.transactions.fetch_all, context.histories)
    if found.serve_this_code and found.is_newer:
        yield ok(MIGRATIONS, f"{found}, newer than this code, which works with it: migrations only add")
    elif found.serve_this_code:
        yield ok(MIGRATIONS, f"{found}, as this code expects")
    elif found.is_newer:
        yield wrong(MIGRATIONS, f"{found}, this code expects {found.expected}", "deploy the newer code again")
    else:
        context.tables_unusable = "run the migrations first"
        yield wrong(MIGRATIONS, f"{found}, this code expects {found.expected}", found.fix)


def _judge_writing(answers: str, obstacles: list[Obstacle]) -> Iterator[Finding]:
    read_only = [each for each in obstacles if each.fault is Fault.READ_ONLY]
    missing = [each for each in obstacles if each.fault is Fault.MISSING_PRIVILEGES]
    if not read_only:
        yield ok(DATABASE, answers)
    for obstacle in read_only:
        yield wrong(DATABASE, obstacle.found, obstacle.fix)
    for obstacle in missing:
        yield wrong(PRIVILEGES, obstacle.found, obstacle.fix)
    if not missing:
        yield ok(PRIVILEGES, "none is missing")


def _judge_tls(context: CheckContext) -> Iterator[Finding]:
    info = context.transactions.info
    if info.ssl_in_use:
        yield ok(TLS, "on")
    elif (info.host or "/").startswith("/") or info.host in LOOPBACK:
        yield ok(TLS, "off; the database is on this machine")
    else:
        yield warning(TLS, "off: data and password are sent unencrypted", "append ?sslmode=require to DATABASE_URL")


def _judge_connections(context: CheckContext, allowed: int) -> Finding:
    workers = context.settings.web_concurrency
    kept = workers * POOL_SIZE
    found = f"{workers} workers keep {kept}, the server allows {allowed}"
    if kept > allowed:
        return warning(CONNECTIONS, found, "lower WEB_CONCURRENCY, take a larger plan, or use PgBouncer")
    return ok(CONNECTIONS, found)
