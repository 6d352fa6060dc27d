"""Single statements in autocommit: bounded, whoever owns the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.db.connect import connection_factory
from clerk_sync.db.pool import AutocommitPool, PreparedStatement


def test_a_session_of_ours_is_bounded_once_and_for_all(database_url: str) -> None:
    statements = AutocommitPool(connection_factory(database_url, Path()))
    for _ in range(2):
        assert statements.fetch_all("SHOW lock_timeout", {}) == [("3s",)]
        assert statements.fetch_all("SHOW statement_timeout", {}) == [("6s",)]
    statements.dispose()


def test_a_new_connection_after_a_lost_one_is_bounded_too(database_url: str, operator: Connection) -> None:
    statements = AutocommitPool(connection_factory(database_url, Path()))
    ((backend,),) = statements.fetch_all("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert statements.fetch_all("SHOW lock_timeout", {}) == [("3s",)]
    statements.dispose()


def test_a_statement_that_fails_leaves_the_limits_in_place(database_url: str) -> None:
    statements = AutocommitPool(connection_factory(database_url, Path()))
    with pytest.raises(psycopg2.Error):
        statements.fetch_all("SELECT 1 / 0", {})
    assert statements.fetch_all("SHOW statement_timeout", {}) == [("6s",)]
    statements.dispose()


TWICE = PreparedStatement("twice", "SELECT %(number)s::integer * 2, %(word)s || %(number)s", ["number", "word"])


@pytest.fixture
def statements(database_url: str) -> Iterator[AutocommitPool]:
    statements = AutocommitPool(connection_factory(database_url, Path()))
    yield statements
    statements.dispose()


def test_what_is_prepared_is_planned_once_and_asked_with_other_values(statements: AutocommitPool) -> None:
    assert statements.fetch_all(TWICE, {"number": 21, "word": "n"}) == [(42, "n21")]
    assert statements.fetch_all(TWICE, {"word": "m", "number": 4}) == [(8, "m4")]
    known = "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements"
    assert statements.fetch_all(known, {}) == [("twice", 2)]


def test_a_new_connection_prepares_again(statements: AutocommitPool, operator: Connection) -> None:
    statements.fetch_all(TWICE, {"number": 1, "word": "n"})
    ((backend,),) = statements.fetch_all("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert statements.fetch_all(TWICE, {"number": 2, "word": "n"}) == [(4, "n2")]


def test_a_plan_that_a_migration_has_outdated_is_made_again(statements: AutocommitPool, operator: Connection) -> None:
    everything = PreparedStatement("everything", "SELECT * FROM outdated WHERE id > %(id)s", ["id"])
    with operator.cursor() as cursor:
        cursor.execute("CREATE TABLE outdated AS SELECT 1 AS id")
        try:
            assert statements.fetch_all(everything, {"id": 0}) == [(1,)]
            cursor.execute("ALTER TABLE outdated ADD COLUMN word text DEFAULT 'new'")
            assert statements.fetch_all(everything, {"id": 0}) == [(1, "new")]
        finally:
            cursor.execute("DROP TABLE outdated")


def test_the_preamble_of_a_statement_ends_with_it(statements: AutocommitPool) -> None:
    text: LiteralString = "SELECT current_setting(%(name)s)"
    hurried = PreparedStatement("setting", text, ["name"], preamble="SET LOCAL lock_timeout = '100ms'")
    assert statements.fetch_all(hurried, {"name": "lock_timeout"}) == [("100ms",)]
    assert statements.fetch_all(PreparedStatement("setting", text, ["name"]), {"name": "lock_timeout"}) == [("3s",)]
