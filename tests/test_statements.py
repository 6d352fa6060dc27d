"""Single statements in autocommit: bounded, whoever owns the session."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.database import connector
from clerk_sync.statements import Statements


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
