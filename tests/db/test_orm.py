"""Connections of sessions: a lost one does not change a finished response, and a read-only one is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from flask import Flask, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from clerk_sync.app import create_app
from clerk_sync.settings.settings import LogFormat, Settings
from clerk_sync.shop.db import db
from tests.stage.changed_settings import changed
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import login

Bearer = Callable[..., dict[str, str]]
MakeApp = Callable[..., Flask]


def end_session(operator: Connection) -> None:
    """End the database session of the request that is being answered."""
    backend = db.session.scalar(text("SELECT pg_backend_pid()"))
    with operator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


def test_a_connection_that_is_lost_after_the_answer_was_made_does_not_damage_it(
    make_app: MakeApp, operator: Connection, bearer: Bearer, capfd: pytest.CaptureFixture[str]
) -> None:
    app = make_app(log_format=LogFormat.JSON)

    @app.after_request
    def lose(response: Response) -> Response:
        end_session(operator)
        return response

    for _ in range(3):  # and the next request has a connection of its own
        answer = app.test_client().get("/api/cart", headers=bearer())
        assert (answer.status_code, answer.get_json()["items"]) == (200, [])
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"] == [200, 200, 200]


def test_a_connection_that_is_lost_before_the_answer_is_answered_503(
    make_app: MakeApp, operator: Connection, bearer: Bearer
) -> None:
    app = make_app()
    app.before_request(lambda: end_session(operator))
    answer = app.test_client().get("/api/cart", headers=bearer())
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database-unavailable")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("register", ["teardown_request", "teardown_appcontext"])
def test_a_failing_teardown_does_not_change_the_response(
    make_app: MakeApp, bearer: Bearer, capfd: pytest.CaptureFixture[str], register: str
) -> None:
    app = make_app(log_format=LogFormat.JSON)

    def fail(_: object) -> None:
        raise RuntimeError("CANARY")

    getattr(app, register)(fail)
    try:
        assert app.test_client().get("/api/cart", headers=bearer()).status_code == 200
    finally:
        app.teardown_appcontext_funcs.clear()
        app.teardown_request_funcs.clear()
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("ERROR", "teardown failed: RuntimeError"),
        ("INFO", "request"),
    ]
    assert lines[-1]["status"] == 200
    assert "CANARY" not in written


def test_a_command_that_loses_its_connection_at_the_end_has_done_its_work(
    make_app: MakeApp, operator: Connection
) -> None:
    app = make_app()

    @app.cli.command("lose")
    def lose() -> None:
        end_session(operator)
        print("done")  # noqa: T201

    done = app.test_cli_runner().invoke(args=["lose"])
    assert (done.exit_code, done.output) == (0, "done\n")


@pytest.fixture
def app_of_its_own(postgres: PostgresServer, settings: Settings) -> Iterator[tuple[Flask, str]]:
    """An application whose login may be changed, and the name of that login."""
    with login(postgres) as fine:
        app = create_app(changed(settings, database_url=fine.url))
        yield app, fine.login
        with app.app_context():
            db.engine.dispose()


def test_a_login_that_may_write_again_is_served_by_the_pool_that_was_refused(
    app_of_its_own: tuple[Flask, str], postgres: PostgresServer
) -> None:
    app, name = app_of_its_own

    def write() -> bool:
        with app.app_context(), suppress(DBAPIError):
            db.session.execute(text("UPDATE users SET synced_at = now()"))
            db.session.commit()
            return True
        return False

    run_statement(postgres.url(), f"ALTER ROLE {name} SET default_transaction_read_only = on")
    assert not write()
    run_statement(postgres.url(), f"ALTER ROLE {name} RESET default_transaction_read_only")
    assert write()
