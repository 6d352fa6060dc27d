"""The connection pool: time limits, prepared statements, lost connections, and one limit for all uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from sqlalchemy import Engine

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.prepared_statement import PreparedStatement
from clerk_sync.settings.settings import Settings
from clerk_sync.telemetry import logs
from tests.conftest import ROOT


def test_a_direct_connection_keeps_its_time_limits(database_url: str) -> None:
    pool = ConnectionPool(ConnectionFactory(database_url, Path()))
    for _ in range(2):
        assert pool.fetch_all("SHOW lock_timeout", {}) == [("3s",)]
        assert pool.fetch_all("SHOW statement_timeout", {}) == [("6s",)]
    pool.dispose()


def test_a_connection_that_replaces_a_lost_one_has_time_limits(database_url: str, operator: Connection) -> None:
    pool = ConnectionPool(ConnectionFactory(database_url, Path()))
    ((backend,),) = pool.fetch_all("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert pool.fetch_all("SHOW lock_timeout", {}) == [("3s",)]
    pool.dispose()


def test_time_limits_stay_after_a_failed_statement(database_url: str) -> None:
    pool = ConnectionPool(ConnectionFactory(database_url, Path()))
    with pytest.raises(psycopg2.Error):
        pool.fetch_all("SELECT 1 / 0", {})
    assert pool.fetch_all("SHOW statement_timeout", {}) == [("6s",)]
    pool.dispose()


TWICE = PreparedStatement("twice", "SELECT %(number)s::integer * 2, %(word)s || %(number)s", ["number", "word"])


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(ConnectionFactory(database_url, Path()))
    yield pool
    pool.dispose()


def test_a_prepared_statement_is_planned_once_and_executed_with_other_values(pool: ConnectionPool) -> None:
    assert pool.fetch_all(TWICE, {"number": 21, "word": "n"}) == [(42, "n21")]
    assert pool.fetch_all(TWICE, {"word": "m", "number": 4}) == [(8, "m4")]
    known = "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements"
    assert pool.fetch_all(known, {}) == [("twice", 2)]


def test_a_new_connection_prepares_its_statements_again(pool: ConnectionPool, operator: Connection) -> None:
    pool.fetch_all(TWICE, {"number": 1, "word": "n"})
    ((backend,),) = pool.fetch_all("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert pool.fetch_all(TWICE, {"number": 2, "word": "n"}) == [(4, "n2")]


def test_a_plan_that_a_migration_made_invalid_is_prepared_again(pool: ConnectionPool, operator: Connection) -> None:
    everything = PreparedStatement("everything", "SELECT * FROM outdated WHERE id > %(id)s", ["id"])
    with operator.cursor() as cursor:
        cursor.execute("CREATE TABLE outdated AS SELECT 1 AS id")
        try:
            assert pool.fetch_all(everything, {"id": 0}) == [(1,)]
            cursor.execute("ALTER TABLE outdated ADD COLUMN word text DEFAULT 'new'")
            assert pool.fetch_all(everything, {"id": 0}) == [(1, "new")]
        finally:
            cursor.execute("DROP TABLE outdated")


def test_the_preamble_of_a_statement_applies_to_that_statement_alone(pool: ConnectionPool) -> None:
    text: LiteralString = "SELECT current_setting(%(name)s)"
    hurried = PreparedStatement("setting", text, ["name"], preamble="SET LOCAL lock_timeout = '100ms'")
    assert pool.fetch_all(hurried, {"name": "lock_timeout"}) == [("100ms",)]
    assert pool.fetch_all(PreparedStatement("setting", text, ["name"]), {"name": "lock_timeout"}) == [("3s",)]


def end_session(operator: Connection, backend: int) -> None:
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


@pytest.fixture
def engine(pool: ConnectionPool) -> Engine:
    return pool.make_engine()


def backend_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_sessions_and_single_statements_use_the_same_connection(pool: ConnectionPool, engine: Engine) -> None:
    assert pool.fetch_all("SELECT pg_backend_pid()") == [(backend_of(engine),)]
    assert pool.fetch_all("SELECT pg_backend_pid()") == [(backend_of(engine),)]


def test_an_idle_connection_that_the_server_closed_costs_neither_use_an_error(
    pool: ConnectionPool, engine: Engine, operator: Connection
) -> None:
    for _ in range(2):
        end_session(operator, backend_of(engine))
        assert pool.fetch_all("SELECT 1") == [(1,)]
        end_session(operator, backend_of(engine))
        assert backend_of(engine)


def test_a_single_statement_on_a_connection_of_a_session_is_committed(pool: ConnectionPool, engine: Engine) -> None:
    backend = backend_of(engine)
    ((first,),) = pool.fetch_all("SELECT pg_current_xact_id()::text")
    ((second,),) = pool.fetch_all("SELECT pg_current_xact_id()::text")
    assert first != second
    assert backend_of(engine) == backend


def test_a_session_on_a_connection_of_single_statements_can_roll_back(
    pool: ConnectionPool, engine: Engine, operator: Connection
) -> None:
    pool.fetch_all("SELECT 1")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE rolled_back ()")
    with operator.cursor() as cursor:
        cursor.execute("SELECT to_regclass('rolled_back')")
        assert cursor.fetchall() == [(None,)]


def test_a_forked_process_leaves_the_connections_of_its_parent_alone(database_url: str) -> None:
    program = f"""
import os
from pathlib import Path
from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
pool = ConnectionPool(ConnectionFactory({database_url!r}, Path()))
backend = pool.fetch_all("SELECT pg_backend_pid()")
if (child := os.fork()) == 0:
    os._exit(pool.fetch_all("SELECT pg_backend_pid()") == backend)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert pool.fetch_all("SELECT pg_backend_pid()") == backend
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)


def test_the_pool_logs_nothing_that_the_driver_says(
    database_url: str, operator: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_level="DEBUG"))
    pool = ConnectionPool(ConnectionFactory(database_url, Path()))
    ((backend,),) = pool.fetch_all("SELECT pg_backend_pid()")
    end_session(operator, backend)
    assert pool.fetch_all("SELECT 1") == [(1,)]
    pool.dispose()
    assert capfd.readouterr().err == ""
