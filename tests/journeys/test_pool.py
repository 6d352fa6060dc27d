"""The connection pool of a worker: requests without a free connection are answered 503, and each request needs one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from flask import Flask
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from clerk_sync.app import create_app
from clerk_sync.db.connect import MAX_OVERFLOW, POOL_SIZE
from clerk_sync.settings.settings import Settings
from clerk_sync.shop.db import db
from tests.conftest import clerk_event, clerk_user
from tests.stage.changed_settings import changed
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.wrong_databases import BOSS, KNOWN, login

MORE_THAN_THE_POOL = POOL_SIZE + MAX_OVERFLOW + 6


def test_more_deliveries_than_connections_are_answered_503_in_time_and_their_retries_complete(
    operator: Connection, deliver: Callable[..., TestResponse]
) -> None:
    def send(number: int) -> tuple[int, float, str | None]:
        started_at = time.monotonic()
        answer = deliver(clerk_event("user.created", clerk_user(f"user_pool{number}")), f"msg_pool{number}")
        return answer.status_code, time.monotonic() - started_at, answer.get_json().get("outcome")

    with ThreadPoolExecutor(MORE_THAN_THE_POOL) as senders:
        operator.autocommit = False
        with operator.cursor() as cursor:
            cursor.execute("LOCK TABLE users")
        answers = list(senders.map(send, range(MORE_THAN_THE_POOL)))
        operator.rollback()
        operator.autocommit = True
        assert {status for status, _, _ in answers} == {503}
        assert max(seconds for _, seconds, _ in answers) < 10
        assert {outcome for _, _, outcome in senders.map(send, range(MORE_THAN_THE_POOL))} == {"applied"}


def test_a_checkout_that_gets_no_connection_is_answered_503_in_time(
    app: Flask, bearer: Callable[..., dict[str, str]]
) -> None:
    checkout = {"json": {"address_id": 1}, "headers": {**bearer(), "Idempotency-Key": "crowded"}}
    with app.app_context(), ExitStack() as others:
        with suppress(PoolTimeout):
            while True:
                others.enter_context(db.engine.connect())
        started_at = time.monotonic()
        answer = app.test_client().post("/api/cart/checkout", **checkout)
        assert time.monotonic() - started_at < 10
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database-unavailable")
    assert app.test_client().post("/api/cart/checkout", **checkout).status_code == 422


def test_every_request_needs_one_connection(
    postgres: PostgresServer, settings: Settings, bearer: Callable[..., dict[str, str]]
) -> None:
    with login(postgres) as one:
        run_statement(one.superuser_url, f"ALTER ROLE {one.login} CONNECTION LIMIT 1")
        app = create_app(changed(settings, database_url=one.url))
        client = app.test_client()
        rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        paths = {rule.rule for rule in rules if not rule.arguments} | {
            f"/api/admin/users/{KNOWN}/orders",
            "/console/users/1",
        }
        statuses = {path: client.get(path, headers=bearer(BOSS)).status_code for path in sorted(paths)}
        assert not {path: status for path, status in statuses.items() if status >= 500}
        assert client.get("/api/me", headers=bearer("user_new")).status_code == 200
        new_order = {"json": {"address_id": 1}, "headers": {**bearer(KNOWN), "Idempotency-Key": "another"}}
        assert client.post("/api/cart/checkout", **new_order).status_code == 201
        with app.app_context():
            db.engine.dispose()
