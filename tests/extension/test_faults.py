"""Refusals while a dependency is missing: 503 with ``Retry-After``, in the host's own blueprints, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from clerk_sync.db.connect import MAX_OVERFLOW, POOL_SIZE
from clerk_sync.services import get_services
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import MakeHost

Bearer = Callable[..., dict[str, str]]

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def deliver(host: Flask) -> TestResponse:
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    headers = sign_delivery(body, "msg_1")
    return host.test_client().post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")


def assert_unavailable(answer: TestResponse, reason: str) -> None:
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["code"] == reason
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture(params=["lost", "not migrated"])
def host_without_database(request: Any, make_host: MakeHost, new_database: Callable[[], str]) -> Flask:
    return make_host({"database_url": NOWHERE if request.param == "lost" else new_database()})


def test_without_its_tables_the_mirror_asks_to_try_again(host_without_database: Flask, bearer: Bearer) -> None:
    client = host_without_database.test_client()
    assert_unavailable(client.get("/private/user", headers=bearer()), "database-unavailable")
    assert_unavailable(client.get("/private/admin", headers=bearer()), "database-unavailable")
    assert_unavailable(deliver(host_without_database), "database-unavailable")


def test_without_its_tables_the_mirror_still_knows_who_is_signed_in(
    host_without_database: Flask, bearer: Bearer
) -> None:
    client = host_without_database.test_client()
    assert client.get("/private/claims", headers=bearer()).status_code == 200
    assert client.get("/private/user").status_code == 401
    assert client.get("/healthz").status_code == 200
    readiness = client.get("/readyz")
    assert (readiness.status_code, readiness.get_json()["migrations"]["ok"]) == (503, False)


def test_without_keys_guarded_routes_ask_to_try_again(make_host: MakeHost, bearer: Bearer) -> None:
    host = make_host({"jwt_key": None, "publishable_key": None, "issuer": None})
    for headers in (bearer(), {}):
        assert_unavailable(host.test_client().get("/private/claims", headers=headers), "keys-unavailable")
    assert not host.test_client().get("/readyz").get_json()["keys"]["ok"]


def test_without_a_signing_secret_the_webhook_asks_to_try_again(make_host: MakeHost) -> None:
    assert_unavailable(deliver(make_host({"webhook_signing_secrets": ()})), "webhook-secret-missing")


def test_a_host_handler_decides_how_an_unavailable_database_looks(host_without_database: Flask, bearer: Bearer) -> None:
    host_without_database.register_error_handler(503, lambda error: ({"sorry": error.reason}, 503))
    client = host_without_database.test_client()
    assert client.get("/private/user", headers=bearer()).get_json() == {"sorry": "database-unavailable"}
    assert deliver(host_without_database).get_json() == {"sorry": "database-unavailable"}


def test_an_exhausted_pool_asks_to_try_again(
    make_host: MakeHost, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host()
    pool = get_services(host).pool
    pool._timeout = 0.01
    held = [pool.connect() for _ in range(POOL_SIZE + MAX_OVERFLOW)]
    try:
        with pytest.raises(PoolTimeout):
            pool.connect()
        assert_unavailable(host.test_client().get("/private/user", headers=bearer()), "database-unavailable")
        assert_unavailable(deliver(host), "database-unavailable")
    finally:
        for connection in held:
            connection.close()
    assert host.test_client().get("/private/user", headers=bearer()).status_code == 200


def test_a_bug_in_a_statement_is_no_fault_of_the_database(
    host: Flask, bearer: Bearer, query: Callable[..., object]
) -> None:
    host.testing = True
    query("ALTER TABLE users ADD CONSTRAINT never CHECK (clerk_id <> 'user_never')")
    try:
        with pytest.raises(Exception, match="never"):
            host.test_client().get("/private/user", headers=bearer("user_never"))
    finally:
        query("ALTER TABLE users DROP CONSTRAINT never")
