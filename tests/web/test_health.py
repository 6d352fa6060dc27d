"""Liveness, readiness and metrics."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.db.connect import MAX_OVERFLOW, POOL_SIZE
from clerk_sync.settings.settings import Environment, LogFormat
from clerk_sync.shop.db import db
from tests.conftest import ROOT, clerk_event, clerk_user

ENTRIES = {"database", "migrations", "keys", "webhook_secret"}


def test_healthz_answers_while_the_database_is_down(make_app: Callable[..., Flask]) -> None:
    response = make_app(database_url="postgresql://127.0.0.1:1/none").test_client().get("/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_readyz_has_one_entry_for_each_dependency(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.get_json().keys() == ENTRIES
    assert all(entry["ok"] for entry in response.get_json().values())


@pytest.mark.parametrize(
    ("changes", "entry", "detail"),
    [
        ({"webhook_signing_secrets": ()}, "webhook_secret", "CLERK_WEBHOOK_SIGNING_SECRET"),
        ({"jwt_key": None, "publishable_key": None}, "keys", "CLERK_JWT_KEY"),
        ({"database_url": "postgresql://127.0.0.1:1/none"}, "database", "reached"),
    ],
)
def test_readyz_names_what_is_missing(
    make_app: Callable[..., Flask], changes: dict[str, object], entry: str, detail: str
) -> None:
    response = make_app(**changes).test_client().get("/readyz")
    assert response.status_code == 503
    assert response.get_json().keys() == ENTRIES
    assert response.get_json()[entry]["ok"] is False
    assert detail in response.get_json()[entry]["detail"]
    assert "127.0.0.1" not in response.get_data(as_text=True)


def test_readyz_notices_a_database_that_was_never_migrated(
    make_app: Callable[..., Flask], new_database: Callable[[], str]
) -> None:
    response = make_app(database_url=new_database()).test_client().get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["database"]["ok"] is True
    assert "flask db upgrade" in response.get_json()["migrations"]["detail"]


@pytest.mark.parametrize(
    ("table", "version", "detail"),
    [
        ("alembic_version", "0002", "shop 0002"),
        ("alembic_version", "9999", "shop 9999"),
        ("clerk_sync_version", "0001", "mirror 0001"),
    ],
)
def test_readyz_notices_a_database_of_another_revision(
    client: FlaskClient, query: Callable[..., Any], table: str, version: str, detail: str
) -> None:
    (before,) = query(f"SELECT version_num FROM {table}")
    query(f"UPDATE {table} SET version_num = %s", version)
    try:
        response = client.get("/readyz")
    finally:
        query(f"UPDATE {table} SET version_num = %s", *before)
    assert response.status_code == 503
    assert detail in response.get_json()["migrations"]["detail"]


def test_readyz_accepts_a_newer_mirror_after_a_rollback(client: FlaskClient, query: Callable[..., Any]) -> None:
    (before,) = query("SELECT version_num FROM clerk_sync_version")
    query("UPDATE clerk_sync_version SET version_num = '9999'")
    try:
        assert client.get("/readyz").get_json()["migrations"]["ok"] is True
    finally:
        query("UPDATE clerk_sync_version SET version_num = %s", *before)


def test_a_database_without_migrations_is_a_503_and_not_the_senders_fault(
    make_app: Callable[..., Flask], new_database: Callable[[], str], bearer: Callable[..., dict[str, str]]
) -> None:
    response = make_app(database_url=new_database()).test_client().get("/api/me", headers=bearer())
    assert response.status_code == 503


def test_metrics_count_deliveries_and_requests_by_route(client: FlaskClient, deliver: Callable[..., object]) -> None:
    deliver(clerk_event("user.created", clerk_user()))
    deliver(clerk_event("user.teleported", {}))
    text = client.get("/metrics").get_data(as_text=True)
    assert 'clerk_sync_webhooks_total{outcome="applied",type="user.created"}' in text
    assert 'clerk_sync_webhooks_total{outcome="ignored",type="other"}' in text
    assert 'route="/api/webhooks/clerk"' in text
    assert "clerk_sync_last_event_age_seconds" in text
    assert "clerk_sync_webhooks_parked 0.0" in text


def test_metrics_count_tokens_by_what_was_wrong_with_them(
    client: FlaskClient, bearer: Callable[..., dict[str, str]]
) -> None:
    client.get("/api/session", headers=bearer())
    client.get("/api/session", headers=bearer(exp=1))
    text = client.get("/metrics").get_data(as_text=True)
    assert 'clerk_sync_tokens_total{result="accepted"}' in text
    assert 'clerk_sync_tokens_total{result="session-token-expired"}' in text


def test_metrics_count_a_key_set_that_cannot_be_fetched(
    make_app: Callable[..., Flask], session_token: Callable[..., str]
) -> None:
    client = make_app(jwt_key=None, secret_key="sk_test_x", api_url="http://127.0.0.1:1").test_client()
    failed = 'clerk_sync_key_fetches_total{result="failed"}'
    before = value_of(failed, client)
    assert client.get("/api/session", headers={"Authorization": f"Bearer {session_token()}"}).status_code == 503
    assert value_of(failed, client) == before + 1


def test_metrics_count_requests_that_get_no_connection(app: Flask, bearer: Callable[..., dict[str, str]]) -> None:
    client, timeouts = app.test_client(), "clerk_sync_pool_timeouts_total"
    before = value_of(timeouts, client)
    with app.app_context(), ExitStack() as others:
        for _ in range(POOL_SIZE + MAX_OVERFLOW):
            others.enter_context(db.engine.connect())
        assert client.get("/api/cart", headers=bearer()).status_code == 503
    assert value_of(timeouts, client) == before + 1


def value_of(series: str, client: FlaskClient) -> float:
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return next(float(line.removeprefix(f"{series} ")) for line in lines if line.startswith(f"{series} "))


def test_first_requests_at_once_make_their_metrics_once() -> None:
    program = """
import threading
from clerk_sync.telemetry import metrics
barrier = threading.Barrier(8)
made = []
def first_request():
    barrier.wait()
    made.append(metrics.metrics())
threads = [threading.Thread(target=first_request) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(made) == 8 and len(set(map(id, made))) == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_metrics_ask_for_their_token(make_app: Callable[..., Flask]) -> None:
    client = make_app(metrics_token="a-token").test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer ä"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer a-token"}).status_code == 200


def test_metrics_are_404_in_production_without_a_token(make_app: Callable[..., Flask]) -> None:
    assert make_app(environment=Environment.PRODUCTION).test_client().get("/metrics").status_code == 404


def test_metrics_work_while_the_database_is_down(make_app: Callable[..., Flask]) -> None:
    response = make_app(database_url="postgresql://127.0.0.1:1/none").test_client().get("/metrics")
    assert response.status_code == 200
    assert b"clerk_sync_request_seconds" in response.data


def test_a_usable_request_id_is_taken_over_and_any_other_is_replaced(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "router-12345"}).headers["X-Request-ID"] == "router-12345"
    for odd in ("", "short", "x" * 65, "with space", "ü" * 10):
        assert client.get("/healthz", headers={"X-Request-ID": odd}).headers["X-Request-ID"] != odd


def test_one_line_a_request_with_the_route_and_never_the_path(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    client = make_app(log_format=LogFormat.JSON).test_client()
    client.get("/api/orders/SECRET-NUMBER", headers={"X-Request-ID": "router-1"})
    client.get("/SECRET-PATH?token=SECRET")
    client.get("/healthz")
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request", "/api/orders/<number>", 401),
        ("request", "unmatched", 404),
        ("request", "/healthz", 200),
    ]
    assert lines[0]["request_id"] == "router-1"
    assert "SECRET" not in written


def test_no_line_below_the_configured_level(make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str]) -> None:
    make_app(log_level="WARNING").test_client().get("/healthz")
    assert capfd.readouterr().err == ""
