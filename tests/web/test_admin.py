"""The routes for ADMIN users, and that other users are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from tests.conftest import INSTANCE_ID, clerk_event, clerk_user
from tests.web.client_user import ApiClient
from tests.web.conftest import BOSS, GRACE

Query = Callable[..., list[tuple[Any, ...]]]
Deliver = Callable[..., TestResponse]


def clerk_ids(response: TestResponse) -> list[str]:
    return [user["clerk_id"] for user in response.get_json()["users"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/admin/users"),
        ("GET", "/api/admin/users/1/orders"),
        ("PATCH", "/api/admin/orders/ORD-1"),
        ("GET", "/api/admin/sync"),
    ],
)
def test_a_client_is_refused(grace: ApiClient, signed_out: ApiClient, method: str, path: str) -> None:
    answer = grace.send(method, path, json={"status": "paid"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert signed_out.send(method, path, json={"status": "paid"}).status_code == 401


def test_a_former_admin_is_refused_at_once(boss: ApiClient, query: Query) -> None:
    assert boss.get("/api/admin/sync").status_code == 200
    query("UPDATE users SET role = 'CLIENT'")
    assert boss.get("/api/admin/sync").status_code == 403


@pytest.fixture
def people(deliver: Deliver) -> None:
    """Mirrored users: zoe is called 100%_Zoë."""
    for id_, first, last, username, email in (
        ("user_anna", "Anna", "Example", "anna_e", "anna@example.com"),
        ("user_bert", "Bert", None, None, "BERT@example.org"),
        ("user_zoe", "100%_Zoë", None, None, None),
    ):
        addresses = [{"id": "idn_1", "email_address": email, "verification": None}] if email else []
        user = clerk_user(id_, first_name=first, last_name=last, username=username, email_addresses=addresses)
        assert deliver(clerk_event("user.created", user)).get_json() == {"outcome": "applied"}


@pytest.mark.parametrize(
    ("query_text", "found"),
    [
        ("", ["user_zoe", "user_bert", "user_anna", BOSS]),
        ("  ", ["user_zoe", "user_bert", "user_anna", BOSS]),
        ("ANNA", ["user_anna"]),
        ("anna exa", ["user_anna"]),
        ("a_e", ["user_anna"]),
        ("bert@EXAMPLE", ["user_bert"]),
        ("example.", ["user_bert", "user_anna"]),
        ("USER_Z", ["user_zoe"]),
        ("zoë", ["user_zoe"]),
        ("%", ["user_zoe"]),
        ("100%_", ["user_zoe"]),
        ("a%e", []),
        ("\\", []),
        ("' OR true --", []),
    ],
)
def test_users_are_found_by_name_and_e_mail(boss: ApiClient, people: None, query_text: str, found: list[str]) -> None:
    assert clerk_ids(boss.get(f"/api/admin/users?query={quote(query_text)}")) == found


@pytest.mark.parametrize("query_text", ["%00", "a%00", "x" * 201])
def test_an_invalid_query_is_refused(boss: ApiClient, query_text: str) -> None:
    answer = boss.get(f"/api/admin/users?query={query_text}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "query-invalid")


def test_users_come_in_pages_newest_first(boss: ApiClient, people: None) -> None:
    first = boss.get("/api/admin/users?limit=3")
    assert clerk_ids(first) == ["user_zoe", "user_bert", "user_anna"]
    rest = boss.get(f"/api/admin/users?limit=3&cursor={first.get_json()['next_cursor']}")
    assert clerk_ids(rest) == [BOSS]
    assert rest.get_json()["next_cursor"] is None
    assert boss.get("/api/admin/users?cursor=x").status_code == 422


def test_a_deleted_user_is_shown_as_a_tombstone(boss: ApiClient, people: None, deliver: Deliver) -> None:
    deliver(clerk_event("user.deleted", {"id": "user_anna", "deleted": True}))
    [anna] = boss.get("/api/admin/users?query=user_anna").get_json()["users"]
    assert anna["deleted_at"]
    assert (anna["email"], anna["first_name"], anna["name"]) == (None, None, "user_anna")
    assert clerk_ids(boss.get("/api/admin/users?query=anna@example.com")) == []


def test_all_the_orders_of_a_user_are_found_by_either_id_after_a_deletion_too(
    boss: ApiClient, order: dict[str, Any], deliver: Deliver, query: Query
) -> None:
    deliver(clerk_event("user.deleted", {"id": GRACE, "deleted": True}))
    [(local_id,)] = query("SELECT id FROM users WHERE clerk_id = %s", GRACE)
    for id_ in (local_id, GRACE):
        assert boss.get(f"/api/admin/users/{id_}/orders").get_json() == {"orders": [order], "next_cursor": None}
    assert boss.get(f"/api/admin/users/{GRACE}/orders?limit=0").status_code == 422


@pytest.mark.parametrize(
    "id_", ["0", "999", "9" * 19, "9" * 5000, "user_nobody", "grace", "-1", "1.0", "٣", "user_%27"]
)
def test_an_unknown_user_is_404(boss: ApiClient, id_: str) -> None:
    answer = boss.get(f"/api/admin/users/{id_}/orders")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "user-unknown")


def test_an_order_is_moved_step_by_step(boss: ApiClient, grace: ApiClient, order: dict[str, Any]) -> None:
    url = f"/api/admin/orders/{order['number']}"
    for status in ("pending", "paid", "paid", "shipped", "delivered"):
        answer = boss.patch(url, {"status": status})
        assert (answer.status_code, answer.get_json()) == (200, order | {"status": status})
    for status in ("shipped", "cancelled"):
        answer = boss.patch(url, {"status": status})
        assert (answer.status_code, answer.get_json()["code"]) == (409, "invalid-transition")
    assert grace.get(f"/api/orders/{order['number']}").get_json()["status"] == "delivered"


@pytest.mark.parametrize("body", [{}, {"status": "lost"}, {"status": None}, {"status": ["paid"]}, {"status": "PAID"}])
def test_an_unknown_status_is_refused_without_being_repeated(
    boss: ApiClient, order: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = boss.patch(f"/api/admin/orders/{order['number']}", body)
    assert answer.status_code == 422
    assert "status" in answer.get_json()["detail"]
    assert "lost" not in answer.get_json()["detail"]


def test_an_unknown_order_is_404(boss: ApiClient) -> None:
    answer = boss.patch("/api/admin/orders/ORD-NEVER", {"status": "paid"})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "order-unknown")
    assert boss.patch("/api/admin/orders/%00", {"status": "paid"}).status_code == 404


def test_the_state_of_a_new_mirror(boss: ApiClient) -> None:
    assert boss.get("/api/admin/sync").get_json() == {
        "instance_id": None,
        "users": {"live": 1, "deleted": 0, "never_filled": 1},
        "last_event": None,
        "parked": 0,
        "last_run": None,
    }


def test_the_state_of_the_mirror_counts_arrived_and_parked_events(
    boss: ApiClient, people: None, deliver: Deliver, query: Query
) -> None:
    deliver(clerk_event("user.deleted", {"id": "user_anna", "deleted": True}))
    deliver(clerk_event("user.updated", {"id": None}))
    query("INSERT INTO sync_runs (kind, status, seen, started_at) VALUES ('sync', 'done', 3, now() - interval '1 day')")
    query("INSERT INTO sync_runs (kind, status, seen, inserted) VALUES ('sync', 'running', 2, 1)")
    state = boss.get("/api/admin/sync").get_json()
    assert state["instance_id"] == INSTANCE_ID
    assert state["users"] == {"live": 3, "deleted": 1, "never_filled": 1}
    assert (state["parked"], state["last_event"]["type"], state["last_event"]["outcome"]) == (
        1,
        "user.updated",
        "parked",
    )
    assert state["last_run"].items() >= {"kind": "sync", "status": "running", "seen": 2, "inserted": 1}.items()
