"""Everything that the service does with its database, once: deliveries, first sights, the shop, sync and upkeep."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from clerk_sync.emulator.webhooks.messages import State
from tests.chaos.comparison import Comparison
from tests.stage.servers import House

ACTS = 150
HOME = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}


def drive_everything(house: House, superuser_url: str) -> None:
    """Send all kinds of traffic; fail unless each is answered as it must be and the mirror ends right."""
    _buy(house, "user_buyer")
    lives = house.clerk.random_history(seed=1)
    list(lives.acts(ACTS))
    customer = house.clerk.users.create(first_name="Charles", email="charles@example.com")["id"]
    house.clerk.webhook_sender.wait_idle(60)
    _buy(house, customer)
    house.clerk.users.delete(customer)
    parked = house.clerk.webhook_sender.send("user.updated", {"id": 7})
    house.clerk.webhook_sender.wait_idle(60)
    with house.clerk.webhook_sender.muted():
        list(lives.acts(ACTS // 3))

    assert {message.state for message in house.clerk.webhook_sender.messages.values()} == {State.DELIVERED}
    assert {delivery.status for delivery in house.clerk.webhook_sender.deliveries} == {200}
    assert house.flask("sync-clerk", "replay", "--id", parked.svix_id).returncode == 1
    assert house.flask("sync-clerk", "prune", "--older-than", "90d").returncode == 0
    synced = house.flask("sync-clerk", "sync", "--json", "--no-progress", "--max-deletes", "100%")
    assert synced.returncode == 0, synced.stderr
    assert house.flask("sync-clerk", "check").returncode == 0
    assert_like_clerk(house, superuser_url)


def assert_like_clerk(house: House, superuser_url: str) -> None:
    """Fail unless every live row is what Clerk says."""
    with closing(Comparison(superuser_url)) as comparison:
        comparison.learn(house.clerk.users.snapshot(), departed=())
        strangers = {"nobody at Clerk"}  # tombstones of those who were deleted
        assert set(comparison.differences().values()) <= strangers
    gone = house.query("SELECT count(*) FROM users WHERE deleted_at IS NULL")
    assert gone == [(len(house.clerk.users),)]


def _buy(house: House, user_id: str) -> None:
    assert house.flask("shop", "load-products").returncode == 0
    sku = house.call("GET", "/api/products", user_id).json()["products"][0]["sku"]
    address = house.call("POST", "/api/addresses", user_id, json=HOME)
    assert address.status_code == 201
    assert house.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 2}).status_code == 200
    checkout: dict[str, Any] = {"json": {"address_id": address.json()["id"]}, "headers": {"Idempotency-Key": "once"}}
    number = house.call("POST", "/api/cart/checkout", user_id, **checkout).json()["number"]
    assert house.call("POST", "/api/cart/checkout", user_id, **checkout).json()["number"] == number
    assert house.call("GET", "/api/orders", user_id).json()["orders"][0]["number"] == number
    path = f"/api/addresses/{address.json()['id']}"
    assert house.call("PATCH", path, user_id, json={"city": "Cork"}).status_code == 200
    assert house.call("DELETE", path, user_id).status_code == 204
    assert house.call("PUT", f"/api/cart/items/{sku}", user_id, json={"quantity": 1}).status_code == 200
