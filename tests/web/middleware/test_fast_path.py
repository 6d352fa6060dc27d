"""The fast path responds like Flask, with the same status, body and headers, and skips no hook of Flask."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clerk_sync.web import auth
from clerk_sync.web.middleware import fast_path, observe
from tests.conftest import ORIGIN, clerk_event, clerk_user, sign_delivery
from tests.web.client_user import ApiClient
from tests.web.conftest import GRACE

Query = Callable[..., list[tuple[Any, ...]]]

READS = ["/api/session", "/api/me"]


@pytest.fixture
def flask_client(app: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client whose requests skip the fast path."""
    client = app.test_client()
    open_ = client.open

    def without_fast_path(*arguments: Any, **options: Any) -> TestResponse:
        with monkeypatch.context() as patch:
            patch.setattr(fast_path, "_HANDLERS", {})
            return open_(*arguments, **options)

    client.open = without_fast_path  # type: ignore[method-assign]  # the one way that every request of a client takes
    return client


def what_is_seen(response: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    headers = {name.lower(): value for name, value in response.headers if name.lower() != "x-request-id"}
    return response.status_code, response.data, headers


def assert_same(client: FlaskClient, flask_client: FlaskClient, path: str, **request: Any) -> int:
    method = request.pop("method", "GET")
    by_flask = flask_client.open(path, method=method, **request)
    by_fast_path = client.open(path, method=method, **request)
    assert what_is_seen(by_fast_path) == what_is_seen(by_flask)
    return by_fast_path.status_code


@pytest.mark.parametrize("path", READS)
def test_signed_in_users_read_the_same(
    client: FlaskClient,
    flask_client: FlaskClient,
    bearer: Callable[..., dict[str, str]],
    order: dict[str, Any],
    path: str,
) -> None:
    headers = bearer(GRACE)
    assert assert_same(client, flask_client, path, headers=headers) == 200
    assert assert_same(client, flask_client, path, headers=headers | {"Origin": ORIGIN}) == 200
    assert assert_same(client, flask_client, path, headers=headers, method="HEAD") == 200
    for browser in (client, flask_client):
        browser.set_cookie("__session", headers["Authorization"].split()[1])
    assert assert_same(client, flask_client, path) == 200


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("fault", ["absent", "expired", "foreign", "broken", "pending", "two words"])
def test_refusals_are_the_same(
    client: FlaskClient,
    flask_client: FlaskClient,
    bearer: Callable[..., dict[str, str]],
    path: str,
    fault: str,
) -> None:
    headers = {
        "absent": {},
        "expired": bearer(exp=int(time.time()) - 60),
        "foreign": bearer(iss="https://clerk.other.example.com"),
        "broken": {"Authorization": "Bearer a.b.c"},
        "pending": bearer(sts="pending"),
        "two words": {"Authorization": bearer()["Authorization"] + " more"},
    }[fault]
    assert assert_same(client, flask_client, path, headers=headers) == 401


@pytest.mark.parametrize("path", READS[1:])
@pytest.mark.parametrize(
    ("state", "status"), [("deleted_at = now()", 403), ("banned = true", 403), ("role = 'ADMIN'", 200)]
)
def test_a_change_of_the_user_takes_effect_at_the_next_request(
    client: FlaskClient,
    flask_client: FlaskClient,
    bearer: Callable[..., dict[str, str]],
    order: dict[str, Any],
    query: Query,
    path: str,
    state: str,
    status: int,
) -> None:
    headers = bearer(GRACE)
    assert client.get(path, headers=headers).status_code == 200
    query(f"UPDATE users SET {state}")
    assert assert_same(client, flask_client, path, headers=headers) == status


@pytest.mark.parametrize("path", READS)
def test_a_new_user_is_served_before_the_webhook(
    client: FlaskClient, bearer: Callable[..., dict[str, str]], query: Query, path: str
) -> None:
    assert client.get(path, headers=bearer("user_new")).status_code == 200
    made = [] if path == "/api/session" else [("user_new", "CLIENT", 0)]
    assert query("SELECT clerk_id, role, clerk_updated_at FROM users") == made


@pytest.mark.parametrize("path", READS[1:])
def test_an_unreachable_database_is_answered_the_same(
    make_app: Callable[..., Flask], bearer: Callable[..., dict[str, str]], path: str
) -> None:
    down = make_app(database_url="postgresql://127.0.0.1:1/none").test_client()
    answer = down.get(path, headers=bearer())
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["code"] == "database-unavailable"
    assert answer.headers["Retry-After"]


EVENTS: dict[str, tuple[bytes, str]] = {
    "created": (json.dumps(clerk_event("user.created", clerk_user())).encode(), "applied"),
    "deleted": (json.dumps(clerk_event("user.deleted", {"id": "user_x", "deleted": True})).encode(), "applied"),
    "parked": (json.dumps(clerk_event("user.updated", clerk_user(email_addresses="odd"))).encode(), "parked"),
    "ignored": (json.dumps(clerk_event("email.created", {"id": "ema_1"})).encode(), "ignored"),
    "long": (json.dumps(clerk_event("user.created", clerk_user(), padding="x" * 120_000)).encode(), "applied"),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("client_name", ["client", "flask_client"])
def test_deliveries_end_the_same(request: pytest.FixtureRequest, query: Query, event: str, client_name: str) -> None:
    body, outcome = EVENTS[event]
    client: FlaskClient = request.getfixturevalue(client_name)
    headers = sign_delivery(body, "msg_1")
    for expected in (outcome, "parked" if outcome == "parked" else "duplicate"):
        answer = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
        assert (answer.status_code, answer.get_json()) == (200, {"outcome": expected})
    assert query("SELECT outcome, deliveries FROM webhook_events") == [(outcome, 2)]


@pytest.mark.parametrize(
    ("body", "content_type", "signature", "status"),
    [
        (b"{}", "application/json", "v1,bm8=", 400),
        (b"\xff", "application/json", None, 400),
        (b"no json", "application/json", None, 400),
        (b"", "application/json", None, 400),
        (b"{}", "text/plain", None, 415),
        (b"{}", "application/json; charset=utf-8", None, 200),
        (b"{}", "application/vnd.x+json", None, 200),
    ],
)
def test_odd_deliveries_are_answered_the_same(
    client: FlaskClient,
    flask_client: FlaskClient,
    body: bytes,
    content_type: str,
    signature: str | None,
    status: int,
) -> None:
    headers = sign_delivery(body.decode("latin1").encode("utf-8") if body != b"\xff" else b"", "msg_1")
    if signature is not None:
        headers["svix-signature"] = signature
    options = {"method": "POST", "data": body, "headers": headers, "content_type": content_type}
    assert assert_same(client, flask_client, "/api/webhooks/clerk", **options) == status


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "x", "", "²"])
def test_an_invalid_content_length_is_answered_the_same(
    client: FlaskClient, flask_client: FlaskClient, length: str
) -> None:
    options = {
        "method": "POST",
        "data": b"{}",
        "content_type": "application/json",
        "environ_overrides": {"CONTENT_LENGTH": length},
    }
    assert assert_same(client, flask_client, "/api/webhooks/clerk", **options) in (400, 413)


def test_a_request_is_counted_and_logged_once(
    client: FlaskClient, grace: ApiClient, capfd: pytest.CaptureFixture[str], bearer: Callable[..., dict[str, str]]
) -> None:
    client.get("/api/me", headers=bearer("user_new"))  # Flask inserts the row after the fast path has not found it
    lines = [line for line in capfd.readouterr().err.splitlines() if "route=/api/me" in line or '"/api/me"' in line]
    assert len(lines) == 1
    assert lines[0].count("user_new") == 1


def test_the_fast_path_skips_no_hook_of_flask(app: Flask) -> None:
    """Hooks before or after requests must also run on the fast path. Add a new hook there first, then here."""
    before = {
        name: hooks
        for name, hooks in app.before_request_funcs.items()
        if name in (None, "clerk_sync_account", "clerk_sync_webhooks")
    }
    assert before == {None: [observe._name_route], "clerk_sync_account": [auth.require_session]}
    assert not {None, "clerk_sync_account", "clerk_sync_webhooks"} & {
        name for name, hooks in app.after_request_funcs.items() if hooks
    }


def test_every_route_of_the_fast_path_has_a_view(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    for method, path in fast_path._HANDLERS:
        endpoint, arguments = adapter.match(path, method)
        assert endpoint in app.view_functions
        assert not arguments
