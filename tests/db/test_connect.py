"""How the application connects: its name and encoding are its own, the bounds of waits are the operator's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.db.connect import APPLICATION_NAME, MIGRATIONS_NAME, WAIT_LIMITS, ConnectionFactory
from clerk_sync.db.errors import NotUtf8Error
from tests.conftest import ROOT
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import create_in


def connect(url: str, application_name: str = APPLICATION_NAME) -> Connection:
    return ConnectionFactory(url, Path(), application_name)()


def told(connection: Connection) -> tuple[str | None, str | None]:
    with closing(connection):
        info = connection.info
        return info.parameter_status("application_name"), info.parameter_status("client_encoding")


@pytest.fixture(scope="module")
def odd_login(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a login that has settings of its own."""
    run_statement(postgres.url(), "CREATE ROLE odd LOGIN")
    run_statement(postgres.url(), "ALTER ROLE odd SET client_encoding = 'LATIN1'")
    run_statement(postgres.url(), "ALTER ROLE odd SET application_name = 'psql'")
    yield urlsplit(postgres.url())._replace(netloc="odd@").geturl()
    run_statement(postgres.url(), "DROP ROLE odd")


OPTIONS = quote("-c client_encoding=WIN1252 -c application_name=psql", safe="")


@pytest.mark.parametrize(
    "asked", ["", "&client_encoding=LATIN9&application_name=psql", f"&options={OPTIONS}", "&client_encoding=auto"]
)
@pytest.mark.parametrize("name", [APPLICATION_NAME, MIGRATIONS_NAME])
def test_name_and_encoding_win_over_every_other_way_to_set_them(
    odd_login: str, monkeypatch: pytest.MonkeyPatch, asked: str, name: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN2")
    monkeypatch.setenv("PGAPPNAME", "psql")
    monkeypatch.setenv("PGOPTIONS", "-c client_encoding=WIN1252")
    assert told(connect(odd_login + asked, name)) == (name, "UTF8")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1252", "EUC_JP"])
def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer, encoding: str) -> None:
    with pytest.raises(NotUtf8Error, match=encoding):
        connect(create_in(postgres, encoding))


def test_the_bounds_of_waits_are_ours_unless_the_url_says_otherwise(postgres: PostgresServer) -> None:
    with closing(connect(postgres.url())) as connection:
        assert {name: int(connection.info.dsn_parameters[name]) for name in WAIT_LIMITS} == dict(WAIT_LIMITS)
    asked = {"connect_timeout": 30, "keepalives_idle": 60, "keepalives_count": 9, "tcp_user_timeout": 90_000}
    asked_url = postgres.url() + "".join(f"&{name}={value}" for name, value in asked.items())
    with closing(connect(asked_url)) as connection:
        found = {name: int(connection.info.dsn_parameters[name]) for name in WAIT_LIMITS}
    assert found == {**WAIT_LIMITS, **asked}


def test_one_of_several_hosts_that_takes_writes_is_enough(postgres: PostgresServer) -> None:
    hosts = f"host=/nowhere,{postgres.socket_directory},/nowhere&target_session_attrs=read-write"
    with closing(connect(f"postgresql://postgres@/postgres?{hosts}")) as connection:
        assert connection.info.host == postgres.socket_directory


def test_migrations_connect_under_another_name_and_in_utf8(odd_login: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": f"{odd_login}&client_encoding=LATIN9&application_name=clerk_sync",
        "PGCLIENTENCODING": "LATIN2",
        "CLERK_SYNC_ENV": "test",
    }
    statement = "SELECT current_setting('application_name'), current_setting('client_encoding')"
    command = [sys.executable, "-m", "clerk_sync.demo.psql", "--tuples-only", "--no-align", "--command", statement]
    ran = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("psql|UTF8\n", "")
