"""A database that does not answer: the error names fault and fix, without the driver's text, which quotes values."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import login


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["shop", "load-products"], 1),
        (["sync-clerk", "replay"], 1),
        (["sync-clerk", "prune", "--older-than", "1d"], 1),
        (["sync-clerk", "check"], 2),
        (["sync-clerk", "sync", "--dry-run"], 1),
    ],
)
def test_a_refused_connection_is_reported_in_plain_words(
    make_app: Callable[..., Flask], arguments: list[str], exit_code: int
) -> None:
    app = make_app(
        database_url="postgresql://u:CANARY@127.0.0.1:1/none", api_url="http://127.0.0.1:1", secret_key="sk_test_x"
    )
    done = app.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == exit_code
    assert "the connection is refused: no server listens there" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert not {"CANARY", "127.0.0.1", "OperationalError"} & set(done.output.replace(":", " ").split())


@pytest.mark.parametrize(
    ("statement", "parameters", "said"),
    [
        ("ALTER ROLE {login} NOLOGIN", "", "it does not let this login connect"),
        ("ALTER ROLE {login} CONNECTION LIMIT 0", "", "out of disk, memory or connections"),
        ("ALTER DATABASE {database} ALLOW_CONNECTIONS false", "", "it accepts no connections now"),
        ("SELECT 1", "&dbname=nowhere", "it answers, but has no such database or login"),
        ("SELECT 1", "&options=-c%20nothing%3D1", "it refuses a setting in the options of DATABASE_URL"),
        ("SELECT 1", "&options=-c%20statement_timeout%3Dsoon", "it refuses a setting in the options of DATABASE_URL"),
        ("SELECT 1", "&target_session_attrs=standby", "no server has the state that target_session_attrs requires"),
        ("SELECT 1", "&target_session_attrs=read-only", "no server has the state that target_session_attrs requires"),
    ],
)
def test_a_connection_refused_for_another_reason_is_reported_in_plain_words(
    make_app: Callable[..., Flask], postgres: PostgresServer, statement: str, parameters: str, said: str
) -> None:
    with login(postgres) as wrong:
        database = wrong.url.partition("?")[0].rpartition("/")[2]
        run_statement(postgres.url(), statement.format(login=wrong.login, database=database))
        done = make_app(database_url=wrong.url + parameters).test_cli_runner().invoke(args=["sync-clerk", "replay"])
    assert done.exit_code == 1
    assert f"the database cannot be used: {said}" in done.stderr
    assert wrong.login not in done.output


def test_a_missing_certificate_is_not_reported_as_a_missing_database(make_app: Callable[..., Flask]) -> None:
    def agree_to_tls() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(8)
            connection.sendall(b"S")
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(agree_to_tls)
        url = f"postgresql://127.0.0.1:{listener.getsockname()[1]}/shop?sslmode=verify-full&sslrootcert=/nowhere"
        done = make_app(database_url=url).test_cli_runner().invoke(args=["sync-clerk", "replay"])
    assert "TLS: a certificate is missing or not accepted" in done.stderr
