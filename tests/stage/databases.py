"""PostgreSQL for tests: databases on a server that everybody shares, and a server that may be stopped and killed."""

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
    """The server that tests make their databases on: DATABASE_URL's, or the embedded one."""
    return os.environ.get("DATABASE_URL") or connect.embedded_url(ROOT / "instance" / "postgres", "postgres")


@pytest.fixture(scope="session")
def new_database(server_url: str) -> Iterator[Callable[[], str]]:
    """A factory of empty databases, removed at the end."""
    names: list[str] = []

    def create() -> str:
        names.append(f"clerk_sync_test_{uuid4().hex[:12]}")
        run_statement(server_url, f"CREATE DATABASE {names[-1]}")
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
    """A server that tests may break, and have to leave running; its database ``migrated`` is a template."""
    with closing(PostgresServer()) as server:
        migrate(server.create_database("migrated"))
        yield server


@pytest.fixture
def operator(database_url: str) -> Iterator[Connection]:
    """A person's database session, as psql opens it; every statement commits."""
    connection = psycopg2.connect(database_url, application_name="psql")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")  # a test that leaves a transaction open fails, and does not hang
    yield connection
    connection.close()


@pytest.fixture
def query(operator: Connection) -> Callable[..., list[tuple[Any, ...]]]:
    """Run one statement as the operator and return its rows."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with operator.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run
