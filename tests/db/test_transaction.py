"""Transactions on one connection: begin, commit, rollback, time limits, and lost connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from tests.local_clerk import Query

GRACE = "INSERT INTO users (clerk_id) VALUES ('user_grace')"
USERS = "SELECT clerk_id FROM users"


def end_backend(pid: int, operator: Connection) -> None:
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_other_sessions_do_not_see_uncommitted_rows(transactions: TransactionalConnection, query: Query) -> None:
    assert transactions.fetch_all(GRACE) == []
    assert transactions.fetch_all(USERS) == [("user_grace",)]
    assert query(USERS) == []
    transactions.commit()
    assert query(USERS) == [("user_grace",)]


def test_a_rollback_discards_rows(transactions: TransactionalConnection, query: Query) -> None:
    transactions.fetch_all(GRACE)
    transactions.rollback()
    transactions.commit()
    assert query(USERS) == []


def test_each_transaction_begins_with_the_preamble(connect: ConnectionFactory) -> None:
    with TransactionalConnection(connect, "SET LOCAL statement_timeout = 7000") as transactions:
        for _ in range(2):
            assert transactions.fetch_all("SHOW statement_timeout") == [("7s",)]
            transactions.commit()


def test_transactions_are_bounded_unless_something_else_is_said(transactions: TransactionalConnection) -> None:
    assert transactions.fetch_all("SHOW lock_timeout") == [("3s",)]
    assert transactions.fetch_all("SHOW statement_timeout") == [("6s",)]


def test_after_an_error_nothing_more_is_done_until_it_is_rolled_back(
    transactions: TransactionalConnection, query: Query
) -> None:
    with pytest.raises(psycopg2.errors.DivisionByZero):
        transactions.fetch_all("SELECT 1 / 0")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        transactions.fetch_all(GRACE)
    transactions.rollback()
    transactions.fetch_all(GRACE)
    transactions.commit()
    assert query(USERS) == [("user_grace",)]


def test_a_restart_between_two_transactions_is_not_noticed(
    transactions: TransactionalConnection, operator: Connection
) -> None:
    ((pid,),) = transactions.fetch_all("SELECT pg_backend_pid()")
    transactions.commit()
    end_backend(pid, operator)
    assert transactions.fetch_all("SELECT 1") == [(1,)]


def test_a_restart_within_a_transaction_is_an_error_and_loses_all_of_it(
    transactions: TransactionalConnection, operator: Connection, query: Query
) -> None:
    transactions.fetch_all(GRACE)
    ((pid,),) = transactions.fetch_all("SELECT pg_backend_pid()")
    end_backend(pid, operator)
    with pytest.raises(psycopg2.OperationalError):
        transactions.fetch_all(USERS)
    with suppress(psycopg2.Error):
        transactions.commit()
    assert query(USERS) == []


def test_a_closed_one_opens_again(transactions: TransactionalConnection, query: Query) -> None:
    transactions.fetch_all(GRACE)
    transactions.close()
    assert transactions.fetch_all(USERS) == []


def test_a_database_that_cannot_be_reached_is_an_error_each_time() -> None:
    connect = ConnectionFactory("postgresql://127.0.0.1:1/none?connect_timeout=1", Path())
    with TransactionalConnection(connect) as transactions:
        for _ in range(2):
            with pytest.raises(psycopg2.OperationalError):
                transactions.fetch_all("SELECT 1")
            transactions.rollback()


def test_a_statement_that_was_never_sent_has_begun_nothing(transactions: TransactionalConnection, query: Query) -> None:
    with pytest.raises(psycopg2.ProgrammingError, match="can't adapt"):
        transactions.fetch_all("SELECT %(what)s", {"what": object()})
    transactions.fetch_all(GRACE)
    transactions.rollback()
    assert query(USERS) == []


def test_committing_a_failed_transaction_raises_an_error(transactions: TransactionalConnection, query: Query) -> None:
    transactions.fetch_all(GRACE)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        transactions.fetch_all("SELECT 1 / 0")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        transactions.commit()
    transactions.fetch_all(USERS)
    assert query(USERS) == []


@pytest.mark.parametrize("end", [TransactionalConnection.rollback, TransactionalConnection.commit])
def test_after_a_connection_was_lost_the_next_transaction_has_another(
    transactions: TransactionalConnection, operator: Connection, end: Callable[[TransactionalConnection], None]
) -> None:
    transactions.fetch_all(GRACE)
    ((pid,),) = transactions.fetch_all("SELECT pg_backend_pid()")
    end_backend(pid, operator)
    with suppress(psycopg2.Error):
        end(transactions)
    assert transactions.fetch_all("SELECT 1") == [(1,)]
