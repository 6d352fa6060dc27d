"""Three web processes on one database behave as one: no process has state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.deploy.load import TIMEOUT_S
from tests.stage.servers import Servers, start_servers
from tests.stage.service import Service

HOME = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}


@pytest.fixture(scope="module")
def servers(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with start_servers(migrated, tmp_path_factory.mktemp("logs"), servers=3, workers=1) as opened:
        yield opened


def ask(servers: Servers, service: Service, method: str, path: str, user_id: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {servers.clerk.session_token(user_id)}", **options.pop("headers", {})}
    return requests.request(method, service.url + path, headers=headers, timeout=TIMEOUT_S, **options)


def everywhere(servers: Servers, path: str, user_id: str) -> list[tuple[int, str | None]]:
    """Return the status and problem code of each process at the next request."""
    answers = [ask(servers, service, "GET", path, user_id) for service in servers.services]
    return [(answer.status_code, answer.json().get("code")) for answer in answers]


def test_a_role_counts_everywhere_at_the_next_request(servers: Servers) -> None:
    user_id = servers.clerk.users.create(email="boss@example.com")["id"]
    servers.clerk.webhook_sender.wait_idle()
    assert everywhere(servers, "/api/admin/users", user_id) == [(403, "forbidden")] * 3
    servers.query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", user_id)
    assert everywhere(servers, "/api/admin/users", user_id) == [(200, None)] * 3
    servers.query("UPDATE users SET role = 'CLIENT' WHERE clerk_id = %s", user_id)
    assert everywhere(servers, "/api/admin/users", user_id) == [(403, "forbidden")] * 3


def test_a_ban_and_a_deletion_received_by_one_process_count_everywhere(servers: Servers) -> None:
    user_id = servers.clerk.users.create(first_name="Grace")["id"]
    servers.clerk.webhook_sender.wait_idle()
    assert everywhere(servers, "/api/me", user_id) == [(200, None)] * 3
    for change, expected in (
        (servers.clerk.users.ban, (403, "user-banned")),
        (servers.clerk.users.unban, (200, None)),
        (servers.clerk.users.delete, (403, "user-deleted")),
    ):
        change(user_id)
        servers.clerk.webhook_sender.wait_idle()
        assert everywhere(servers, "/api/me", user_id) == [expected] * 3


def test_a_new_user_seen_by_all_processes_at_once_has_one_row(servers: Servers) -> None:
    with ThreadPoolExecutor(9) as pool:
        answers = list(
            pool.map(lambda service: ask(servers, service, "GET", "/api/me", "user_new"), servers.services * 3)
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_an_order_made_at_one_process_is_paid_at_another_and_seen_at_the_third(servers: Servers) -> None:
    assert servers.flask("shop", "load-products").returncode == 0
    one, two, three = servers.services
    sku = ask(servers, one, "GET", "/api/products", "user_buyer").json()["products"][0]["sku"]
    address = ask(servers, one, "POST", "/api/addresses", "user_buyer", json=HOME).json()["id"]
    assert ask(servers, two, "PUT", f"/api/cart/items/{sku}", "user_buyer", json={"quantity": 1}).status_code == 200
    checkout = {"json": {"address_id": address}, "headers": {"Idempotency-Key": "once"}}

    def pay(service: Service) -> requests.Response:
        return ask(servers, service, "POST", "/api/cart/checkout", "user_buyer", **checkout)

    with ThreadPoolExecutor(3) as pool:
        orders = {answer.json()["number"] for answer in pool.map(pay, servers.services)}
    assert len(orders) == 1
    listed = ask(servers, three, "GET", "/api/orders", "user_buyer").json()["orders"]
    assert [order["number"] for order in listed] == list(orders)


def test_a_delivery_sent_to_all_processes_is_counted_once(servers: Servers) -> None:
    message = servers.clerk.webhook_sender.send("user.created", servers.clerk.users.create(first_name="Ada"))
    servers.clerk.webhook_sender.wait_idle()
    for _ in servers.services:
        servers.clerk.webhook_sender.redeliver(message.svix_id)
    servers.clerk.webhook_sender.wait_idle()
    reached = {
        delivery.url for delivery in servers.clerk.webhook_sender.deliveries if delivery.svix_id == message.svix_id
    }
    assert len(reached) == 3
    assert servers.query("SELECT deliveries FROM webhook_events WHERE svix_id = %s", message.svix_id) == [(4,)]
