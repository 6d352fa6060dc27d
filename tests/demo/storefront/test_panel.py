"""The panel's data: the user's own row, events, counts of owned rows and the newest sync run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import ORIGIN, clerk_event, clerk_user
from tests.web.conftest import HOME

GRACE = "user_grace"


@pytest.fixture
def look(developer: FlaskClient, bearer: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    def look(user_id: str = GRACE) -> Any:
        answer = developer.get("/storefront/panel", headers=bearer(user_id))
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    return look


def test_the_panel_needs_a_session(developer: FlaskClient) -> None:
    answer = developer.get("/storefront/panel")
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")


def test_the_panel_creates_no_row(look: Callable[..., Any], query: Callable[..., Any]) -> None:
    assert look() == {
        "row": None,
        "owns": {"addresses": 0, "cart_items": 0, "orders": 0},
        "events": [],
        "last_run": None,
    }
    assert query("SELECT * FROM users") == []


def test_a_row_that_a_webhook_made_has_its_time(look: Callable[..., Any], deliver: Callable[..., TestResponse]) -> None:
    deliver(clerk_event("user.created", clerk_user(GRACE)))
    seen = look()
    assert seen["row"]["created_at"] == seen["events"][0]["received_at"]
    assert (seen["row"]["version"], seen["row"]["email"]) == (1_700_000_000_000, "grace@example.com")
    assert (seen["events"][0]["type"], seen["events"][0]["outcome"]) == ("user.created", "applied")
    assert seen["events"][0]["lag_ms"] > 0


def test_a_row_that_a_request_made_is_older_than_the_webhook_that_fills_it(
    look: Callable[..., Any], developer: FlaskClient, bearer: Callable[..., Any], deliver: Callable[..., TestResponse]
) -> None:
    developer.get("/api/me", headers=bearer(GRACE))
    assert (look()["row"]["version"], look()["row"]["email"]) == (0, None)
    deliver(clerk_event("user.created", clerk_user(GRACE)))
    seen = look()
    assert seen["row"]["version"] > 0
    assert seen["row"]["created_at"] < seen["events"][0]["received_at"]


def test_users_see_their_own_rows_only(look: Callable[..., Any], deliver: Callable[..., TestResponse]) -> None:
    deliver(clerk_event("user.created", clerk_user(GRACE)))
    deliver(clerk_event("user.created", clerk_user("user_ada")))
    deliver(clerk_event("session.created", {"id": "sess_1"}))
    assert [each["type"] for each in look(GRACE)["events"]] == ["user.created"]
    assert look(GRACE)["row"]["clerk_id"] == GRACE
    assert look("user_nobody")["row"] is None


def test_a_deleted_user_still_sees_the_tombstone_and_the_orders(
    look: Callable[..., Any],
    order: dict[str, Any],
    developer: FlaskClient,
    bearer: Callable[..., Any],
    deliver: Callable[..., TestResponse],
) -> None:
    developer.post("/api/addresses", json=HOME, headers=bearer(GRACE))
    developer.put("/api/cart/items/CUP", json={"quantity": 3}, headers=bearer(GRACE))
    assert look()["owns"] == {"addresses": 2, "cart_items": 3, "orders": 1}
    deliver(clerk_event("user.deleted", {"id": GRACE, "object": "user", "deleted": True}))
    seen = look()
    assert seen["row"]["deleted_at"] is not None
    assert (seen["row"]["email"], seen["row"]["first_name"]) == (None, None)
    assert seen["owns"] == {"addresses": 0, "cart_items": 0, "orders": 1}
    assert developer.get("/api/me", headers=bearer(GRACE)).status_code == 403


def test_a_sync_run_shows_as_the_newest(look: Callable[..., Any], query: Callable[..., Any]) -> None:
    query("INSERT INTO sync_runs (kind, status, ended_at) VALUES ('sync', 'done', now())")
    run = look()["last_run"]
    assert (run["status"], run["ended_at"] is not None) == ("done", True)


def test_another_site_cannot_read_the_panel(developer: FlaskClient, bearer: Callable[..., dict[str, str]]) -> None:
    for origin in (ORIGIN, "https://evil.example.com"):
        answer = developer.get("/storefront/panel", headers=bearer(GRACE) | {"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers
