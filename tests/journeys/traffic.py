"""Every use of the database, once: deliveries, first requests, the shop, sync and maintenance."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from clerk_sync.emulator.webhooks.messages import State
from tests.chaos.comparison import Comparison
from tests.stage.servers import Servers

ACTS = 150
HOME = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}


def drive_everything(servers: Servers, superuser_url: str) -> None:
    """Send all kinds of traffic. Fail unless each response is right and the mirror is correct at the end."""
    _buy(servers, "user_buyer")
    lives = servers.clerk.random_history(seed=1)
    list(lives.acts(ACTS))
    customer = servers.clerk.users.create(first_name="Charles", email="charles@example.com")["id"]
    servers.clerk.webhook_sender.wait_idle(60)
    _buy(servers, customer)
    servers.clerk.users.delete(customer)
    parked = servers.clerk.webhook_sender.send("user.updated", {"id": 7})
    servers.clerk.webhook_sender.wait_idle(60)
    with servers.clerk.webhook_sender.muted():
        list(lives.acts(ACTS // 3))

    assert {message.state for message in servers.clerk.webhook_sender.messages.values()} == {State.DELIVERED}
    assert {delivery.status for delivery in servers.clerk.webhook_sender.deliveries} == {200}
    assert servers.flask("sync-clerk", "replay", "--id", parked.svix_id).returncode == 1
    assert servers.flask("sync-clerk", "prune", "--older-than", "90d").returncode == 0
    synced = servers.flask("sync-clerk", "sync", "--json", "--no-progress", "--max-deletes", "100%")
    assert synced.returncode == 0, synced.stderr
    assert servers.flask("sync-clerk", "check").returncode == 0
    assert_like_clerk(servers, superuser_url)


def assert_like_clerk(servers: Servers, superuser_url: str) -> None:
    """Fail unless every live row equals Clerk's user."""
    with closing(Comparison(superuser_url)) as comparison:
        comparison.learn(servers.clerk.users.snapshot(), departed=())
        tombstones = {"nobody at Clerk"}  # tombstones of deleted users
        assert set(comparison.differences().values()) <= tombstones
    gone = servers.query("SELECT count(*) FROM users WHERE deleted_at IS NULL")
    assert gone == [(len(servers.clerk.users),)]


def _buy(servers: Servers, user_id: str) -> None:
    assert servers.flask("shop", "load-products").returncode == 0
    sku = servers.call("GET", "/api/products", user_id).json()["products"][0]["sku"]
    address = servers.call("POST", "/api/addresses", user_id, json=HOME)
    assert address.status_code == 201
    assert servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 2}).status_code == 200
    checkout: dict[str, Any] = {"json": {"address_id": address.json()["id"]}, "headers": {"Idempotency-Key": "once"}}
    number = servers.call("POST", "/api/cart/checkout", user_id, **checkout).json()["number"]
    assert servers.call("POST", "/api/cart/checkout", user_id, **checkout).json()["number"] == number
    assert servers.call("GET", "/api/orders", user_id).json()["orders"][0]["number"] == number
    path = f"/api/addresses/{address.json()['id']}"
    assert servers.call("PATCH", path, user_id, json={"city": "Cork"}).status_code == 200
    assert servers.call("DELETE", path, user_id).status_code == 204
    assert servers.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 1}).status_code == 200
