"""Single statements in autocommit: bounded, whoever owns the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.db.connect import connector
from clerk_sync.db.pool import Prepared, Statements


def test_a_session_of_ours_is_bounded_once_and_for_all(database_url: str) -> None:
    statements = Statements(connector(database_url, Path()))
    for _ in range(2):
        assert statements.rows("SHOW lock_timeout", {}) == [("3s",)]
        assert statements.rows("SHOW statement_timeout", {}) == [("6s",)]
    statements.dispose()


def test_a_new_connection_after_a_lost_one_is_bounded_too(database_url: str, operator: Connection) -> None:
    statements = Statements(connector(database_url, Path()))
    ((backend,),) = statements.rows("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert statements.rows("SHOW lock_timeout", {}) == [("3s",)]
    statements.dispose()


def test_a_statement_that_fails_leaves_the_limits_in_place(database_url: str) -> None:
    statements = Statements(connector(database_url, Path()))
    with pytest.raises(psycopg2.Error):
        statements.rows("SELECT 1 / 0", {})
    assert statements.rows("SHOW statement_timeout", {}) == [("6s",)]
    statements.dispose()


TWICE = Prepared("twice", "SELECT %(number)s::integer * 2, %(word)s || %(number)s", ["number", "word"])


@pytest.fixture
def statements(database_url: str) -> Iterator[Statements]:
    statements = Statements(connector(database_url, Path()))
    yield statements
    statements.dispose()


def test_what_is_prepared_is_planned_once_and_asked_with_other_values(statements: Statements) -> None:
    assert statements.rows(TWICE, {"number": 21, "word": "n"}) == [(42, "n21")]
    assert statements.rows(TWICE, {"word": "m", "number": 4}) == [(8, "m4")]
    known = "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements"
    assert statements.rows(known, {}) == [("twice", 2)]


def test_a_new_connection_prepares_again(statements: Statements, operator: Connection) -> None:
    statements.rows(TWICE, {"number": 1, "word": "n"})
    ((backend,),) = statements.rows("SELECT pg_backend_pid()", {})
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    assert statements.rows(TWICE, {"number": 2, "word": "n"}) == [(4, "n2")]


def test_a_plan_that_a_migration_has_outdated_is_made_again(statements: Statements, operator: Connection) -> None:
    everything = Prepared("everything", "SELECT * FROM outdated WHERE id > %(id)s", ["id"])
    with operator.cursor() as cursor:
        cursor.execute("CREATE TABLE outdated AS SELECT 1 AS id")
        try:
            assert statements.rows(everything, {"id": 0}) == [(1,)]
            cursor.execute("ALTER TABLE outdated ADD COLUMN word text DEFAULT 'new'")
            assert statements.rows(everything, {"id": 0}) == [(1, "new")]
        finally:
            cursor.execute("DROP TABLE outdated")


def test_the_preamble_of_a_statement_ends_with_it(statements: Statements) -> None:
    text: LiteralString = "SELECT current_setting(%(name)s)"
    hurried = Prepared("setting", text, ["name"], preamble="SET LOCAL lock_timeout = '100ms'")
    assert statements.rows(hurried, {"name": "lock_timeout"}) == [("100ms",)]
    assert statements.rows(Prepared("setting", text, ["name"]), {"name": "lock_timeout"}) == [("3s",)]
