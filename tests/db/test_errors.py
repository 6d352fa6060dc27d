"""Errors that tell of the database as a whole are told from those about one statement, by real errors of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.db.transaction import TransactionalConnection
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import login


def raising(code: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$"


STATEMENTS = [
    ("SET TRANSACTION READ ONLY; CREATE TABLE t ()", Fault.READ_ONLY),
    ("SET ROLE pg_monitor; SELECT * FROM users", Fault.MISSING_PRIVILEGES),
    ("SET LOCAL search_path = nowhere; CREATE TABLE t ()", Fault.MISSING_PRIVILEGES),
    ("SELECT * FROM nowhere", Fault.NOT_MIGRATED),
    ("SELECT nothing FROM users", Fault.NOT_MIGRATED),
    ("SELECT nothing()", Fault.NOT_MIGRATED),
    ("SELECT CAST(NULL AS nothing)", Fault.NOT_MIGRATED),
    ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", Fault.BUSY),
    ("SELECT CAST('\"\\u0000\"' AS json) ->> 0, CAST(CAST('\"\\u0000\"' AS json) #>> '{}' AS text)", Fault.NOT_UTF8),
    ("SELECT pg_terminate_backend(pg_backend_pid())", Fault.UNREACHABLE),
    *((raising(code), Fault.UNREACHABLE) for code in ("08006", "25P03", "25P04", "57P01", "57P02", "57P03", "28000")),
    *((raising(code), Fault.OUT_OF_RESOURCES) for code in ("53100", "53200", "53300", "53400")),
    *((raising(code), Fault.BUSY) for code in ("40001", "40P01", "55P03")),
    *((raising(code), Fault.BROKEN) for code in ("58030", "XX000", "XX001")),
    *((raising(code), None) for code in ("P0001", "22012", "23505", "42601")),
    (raising("42501"), Fault.MISSING_PRIVILEGES),
    ("INSERT INTO users (clerk_id, role) VALUES ('user_mallory', 'ADMIN')", None),
    ("DELETE FROM role_changes", None),
    ("SELECT 1 / 0", None),
]


@pytest.mark.parametrize(("statement", "fault"), STATEMENTS)
def test_an_error_of_the_driver_is_a_fault_or_none(
    transactions: TransactionalConnection, statement: str, fault: Fault | None
) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        transactions.fetch_all(statement)
    assert find_fault(caught.value) is fault


@pytest.mark.parametrize(("statement", "fault"), STATEMENTS)
def test_an_error_of_sqlalchemy_is_the_same(database_url: str, statement: str, fault: Fault | None) -> None:
    engine = create_engine("postgresql+psycopg2://", creator=ConnectionFactory(database_url, Path()))
    with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
        connection.exec_driver_sql(statement)
    assert find_fault(caught.value) is fault
    engine.dispose()


def fault_at_the_connection(url: str) -> Fault | None:
    with pytest.raises(psycopg2.OperationalError) as caught:
        ConnectionFactory(url, Path())()
    return find_fault(caught.value)


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "postgresql://nobody.invalid/none"])
def test_a_server_that_does_not_answer_is_unreachable(url: str) -> None:
    assert fault_at_the_connection(url) is Fault.UNREACHABLE


@pytest.mark.parametrize(
    ("setting", "asked", "fault"),
    [
        ("NOLOGIN", "", Fault.UNREACHABLE),
        ("CONNECTION LIMIT 0", "", Fault.OUT_OF_RESOURCES),
        ("SET default_transaction_read_only = on", "&target_session_attrs=read-write", Fault.READ_ONLY),
        ("SET default_transaction_read_only = off", "&target_session_attrs=standby", Fault.UNREACHABLE),
    ],
)
def test_the_text_of_a_refused_connection_decides_its_fault(
    postgres: PostgresServer, setting: str, asked: str, fault: Fault
) -> None:
    with login(postgres) as wrong:
        run_statement(postgres.url(), f"ALTER ROLE {wrong.login} {setting}")
        assert fault_at_the_connection(wrong.url + asked) is fault


def test_other_errors_are_none() -> None:
    assert find_fault(ValueError("read-only")) is None
