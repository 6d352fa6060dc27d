"""Users who are banned, deprovisioned or deleted in Clerk: the next request after the event is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stage.servers import Servers

HOME = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}


@pytest.fixture
def user_id(servers: Servers) -> str:
    """A user who has signed up and sends requests."""
    made = str(
        servers.clerk.users.create(first_name="Ada", emails=[f"ada{len(servers.clerk.users)}@example.com"])["id"]
    )
    servers.clerk.webhook_sender.wait_idle(30)
    assert servers.call("GET", "/api/me", made).status_code == 200
    return made


def answer_of(servers: Servers, user_id: str) -> tuple[int, Any]:
    answer = servers.call("GET", "/api/me", user_id)
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("field", ["banned", "deprovisioned"])
def test_a_banned_or_deprovisioned_user_is_refused_until_clerk_revokes_it(
    servers: Servers, user_id: str, field: str
) -> None:
    barred: dict[str, Any] = {field: True}
    servers.clerk.users.update(user_id, **barred)
    servers.clerk.webhook_sender.wait_idle(30)
    assert answer_of(servers, user_id) == (403, "user-banned")

    servers.clerk.users.update(user_id, **(barred | {field: False}))
    servers.clerk.webhook_sender.wait_idle(30)
    assert answer_of(servers, user_id) == (200, None)


def test_a_locked_user_is_not_refused(servers: Servers, user_id: str) -> None:
    """A lock prevents sign-in at Clerk, but sessions continue."""
    servers.clerk.users.lock(user_id)
    servers.clerk.webhook_sender.wait_idle(30)
    assert answer_of(servers, user_id) == (200, None)


def test_a_route_that_only_verifies_the_token_still_answers_a_banned_user(servers: Servers, user_id: str) -> None:
    servers.clerk.users.ban(user_id)
    servers.clerk.webhook_sender.wait_idle(30)
    assert servers.call("GET", "/api/session", user_id).status_code == 200


def test_a_deleted_user_loses_personal_data_keeps_the_orders_and_never_returns(servers: Servers) -> None:
    assert servers.flask("shop", "load-products").returncode == 0
    user = servers.clerk.users.create(first_name="Charles", last_name="B", username="charles", email="c@example.com")
    user_id = str(user["id"])
    servers.clerk.webhook_sender.wait_idle(30)
    address_id = servers.call("POST", "/api/addresses", user_id, json=HOME).json()["id"]
    sku = servers.call("GET", "/api/products", user_id).json()["products"][0]["sku"]
    servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 1})
    checkout: dict[str, Any] = {"json": {"address_id": address_id}, "headers": {"Idempotency-Key": "last-order"}}
    number = servers.call("POST", "/api/cart/checkout", user_id, **checkout).json()["number"]
    servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 2})

    update = servers.clerk.webhook_sender.send("user.updated", user | {"updated_at": user["updated_at"] + 1})
    servers.clerk.webhook_sender.wait_idle(30)
    servers.clerk.users.delete(user_id)
    servers.clerk.webhook_sender.wait_idle(30)
    servers.clerk.webhook_sender.redeliver(update.svix_id)
    servers.clerk.webhook_sender.send("user.updated", user | {"updated_at": user["updated_at"] + 10_000_000})
    servers.clerk.webhook_sender.wait_idle(30)

    assert answer_of(servers, user_id) == (403, "user-deleted")
    (row,) = servers.query(
        "SELECT id, email, first_name, last_name, username, image_url, deleted_at IS NOT NULL FROM users"
        " WHERE clerk_id = %s",
        user_id,
    )
    assert row[1:] == (None, None, None, None, None, True)
    assert servers.query("SELECT count(*) FROM addresses WHERE user_id = %s", row[0]) == [(0,)]
    assert servers.query("SELECT count(*) FROM carts WHERE user_id = %s", row[0]) == [(0,)]
    assert servers.query("SELECT number, shipping_address ->> 'city' FROM orders WHERE user_id = %s", row[0]) == [
        (number, "Galway")
    ]
