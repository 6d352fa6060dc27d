"""The routes of orders: pages, cursors, and only the user's own orders."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from clerk_sync.shop.orders import ShippingAddress
from tests.web.client_user import ApiClient
from tests.web.conftest import GRACE

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def many_orders(grace: ApiClient, query: Query) -> list[str]:
    """The numbers of Grace's 45 orders, newest first."""
    grace.get("/api/me")
    rows = query(
        """INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key, created_at)
           SELECT 'N' || n, users.id, 'EUR', n, %s, n, now() - n * interval '1 hour'
           FROM users, generate_series(1, 45) AS n WHERE clerk_id = %s ORDER BY n RETURNING number""",
        json.dumps(dict.fromkeys(ShippingAddress.__struct_fields__, "x")),
        GRACE,
    )
    return [number for (number,) in rows]


def test_an_order_is_listed_and_shown_with_its_lines(grace: ApiClient, order: dict[str, Any]) -> None:
    assert order["items"] == [{"sku": "TEA", "name": "Tea", "quantity": 2, "unit_price_minor": 1290}]
    assert order["shipping_address"].items() >= {"name": None, "line1": "1 Harbour Road", "country": "IE"}.items()
    assert grace.get(f"/api/orders/{order['number']}").get_json() == order
    assert grace.get("/api/orders").get_json() == {"orders": [order], "next_cursor": None}


def test_another_users_order_is_answered_like_an_unknown_one(ada: ApiClient, order: dict[str, Any]) -> None:
    for number in (order["number"], "ORD-NEVER", "x" * 5000, "'"):
        answer = ada.get(f"/api/orders/{number}")
        assert (answer.status_code, answer.get_json()["code"]) == (404, "order-unknown")
    assert ada.get("/api/orders/%00").status_code == 404
    assert ada.get("/api/orders").get_json() == {"orders": [], "next_cursor": None}


@pytest.mark.parametrize("limit", [None, 1, 20, 44, 45, 100])
def test_following_the_cursor_shows_every_order_once(
    grace: ApiClient, many_orders: list[str], limit: int | None
) -> None:
    seen: list[str] = []
    size = f"limit={limit}" if limit else ""
    url = f"/api/orders?{size}"
    while url:
        page = grace.get(url).get_json()
        numbers = [order["number"] for order in page["orders"]]
        assert 0 < len(numbers) <= (limit or 20)
        seen += numbers
        url = f"/api/orders?{size}&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == many_orders


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "", "x", "%00", "1e1", "9" * 400, "٣", "+5", " 5"])
def test_a_limit_is_a_whole_number_from_1_to_100(grace: ApiClient, limit: str) -> None:
    answer = grace.get(f"/api/orders?limit={limit}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "limit-invalid")


def encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "é",
        "====",
        "!!!!",
        encoded("{}"),
        encoded("[]"),
        encoded("null"),
        encoded("[" * 10_000),
        encoded('["2026-01-01T00:00:00", 0]'),
        encoded('["2026-01-01T00:00:00", 9223372036854775808]'),
        encoded('["2026-01-01T00:00:00+23:59", 1]'),
        encoded('["2026-02-30T00:00:00", 1]'),
        encoded('["2026-01-01T00:00:00", "1"]'),
        encoded('["infinity", 1]'),
        encoded('["2026-01-01T00:00:00", 1, 1]'),
        encoded('["A"]'),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(grace: ApiClient, cursor: str) -> None:
    answer = grace.get(f"/api/orders?cursor={cursor}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "cursor-invalid")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"])
def test_a_forged_cursor_at_the_end_of_time_is_an_ordinary_page(
    grace: ApiClient, many_orders: list[str], time: str
) -> None:
    cursor = encoded(f'["{time}", 1]')
    assert grace.get(f"/api/orders?cursor={cursor}").status_code == 200
