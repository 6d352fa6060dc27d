"""PostgreSQL for tests: databases on a shared server, and a separate server that tests may stop and kill."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.db import connect
from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import ROOT


@pytest.fixture(scope="session")
def server_url() -> str:
    """The server on which tests create databases: that of DATABASE_URL, or the embedded one."""
    return os.environ.get("DATABASE_URL") or connect.embedded_url(ROOT / "instance" / "postgres", "postgres")


@pytest.fixture(scope="session")
def new_database(server_url: str) -> Iterator[Callable[[], str]]:
    """A factory of empty databases. They are removed at the end."""
    names: list[str] = []

    def create() -> str:
        names.append(f"clerk_sync_test_{uuid4().hex[:12]}")
        run_statement(server_url, f"CREATE DATABASE {names[-1]}")
        # No test kills this server. Waiting for the disk would only add 3 ms to each commit.
        run_statement(server_url, f"ALTER DATABASE {names[-1]} SET synchronous_commit = off")
        return urlsplit(server_url)._replace(path=f"/{names[-1]}").geturl()

    yield create
    for name in names:
        run_statement(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def database_url(new_database: Callable[[], str]) -> str:
    """A database with every migration applied; ``app`` empties it after each test."""
    return migrate(new_database())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that tests may break. They have to leave it running. Its database ``migrated`` is a template."""
    with closing(PostgresServer()) as server:
        migrate(server.create_database("migrated"))
        yield server


@pytest.fixture(scope="session")
def operator_session(database_url: str) -> Iterator[Connection]:
    """The operator's connection, shared by all tests of this process. Tests use ``operator``."""
    # Without the timeout a test that leaves a transaction open makes the next one hang.
    with closing(psycopg2.connect(database_url, application_name="psql", options="-c lock_timeout=10s")) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def operator(operator_session: Connection) -> Iterator[Connection]:
    """An operator's database session, as psql opens it. Every statement commits."""
    yield operator_session
    operator_session.rollback()
    operator_session.autocommit = True
    with operator_session.cursor() as cursor:
        cursor.execute("DISCARD ALL")


@pytest.fixture
def query(operator: Connection) -> Callable[..., list[tuple[Any, ...]]]:
    """Run one statement as the operator and return its rows."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with operator.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run
