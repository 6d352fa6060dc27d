"""Numbers that no database column can hold are refused or unknown, on every route."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from clerk_sync.shop.fields import HIGHEST_PRICE_MINOR, MOST_LINES, MOST_PIECES
from tests.conftest import ORIGIN
from tests.web.client_user import ApiClient
from tests.web.conftest import BOSS, HOME

Bearer = Callable[..., dict[str, str]]

NUMBERS = ["0", "-1", "00", "01", "+1", "1.5", "1e3", "0x1", "٣", "²", "1_0", "NaN", "Infinity", "1" + "0" * 400]
NUMBERS += [str(number) for number in (2**31, 2**32, 10**18 - 1, 10**18, 2**63 - 1, 2**63, 2**64, 10**19, 10**20 - 1)]
BY_NUMBER = [
    ("GET", "/api/addresses/{}"),
    ("PATCH", "/api/addresses/{}"),
    ("DELETE", "/api/addresses/{}"),
    ("GET", "/api/admin/users/{}/orders"),
    ("GET", "/console/users/{}"),
    ("GET", "/console/runs/{}"),
]
LISTS = [
    "/api/products",
    "/api/orders",
    "/api/admin/users",
    f"/api/admin/users/{BOSS}/orders",
    "/console/users",
    f"/console/users/{BOSS}",
    "/console/events",
    "/console/parked",
    "/console/runs",
]


@pytest.fixture
def ask(boss: ApiClient, client: FlaskClient, bearer: Bearer) -> Callable[..., int]:
    """Send a request as an administrator and return the status."""
    headers = bearer(BOSS)

    def send(path: str, method: str = "GET", **options: Any) -> int:
        return client.open(path, method=method, headers=headers, base_url=ORIGIN, **options).status_code

    return send


@pytest.mark.parametrize("number", [each for each in NUMBERS if each != "01"])
def test_a_path_with_an_unstorable_number_is_not_found(ask: Callable[..., int], number: str) -> None:
    for method, path in BY_NUMBER:
        assert ask(path.format(number), method, json=None if method == "GET" else {}) == 404, (method, path)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_limit_is_a_number_from_1_to_100(ask: Callable[..., int], number: str) -> None:
    for path in LISTS:
        expected = 200 if number == "01" else 422
        assert ask(path, query_string={"limit": number}) == expected, path


@pytest.mark.parametrize("number", [*NUMBERS[0:2], *NUMBERS[-10:]])
def test_a_cursor_with_any_number_is_a_page_or_refused(ask: Callable[..., int], number: str) -> None:
    for path in LISTS:
        for key in (f"[{number}]", f'["2026-01-01T00:00:00",{number}]', f'[{number},"x"]', number):
            cursor = base64.urlsafe_b64encode(key.encode()).decode()
            assert ask(path, query_string={"cursor": cursor}) in (200, 422), (path, key)


NUMBER = st.integers() | st.floats() | st.integers(min_value=2**62, max_value=2**66)
VALUE = NUMBER | st.text() | st.datetimes().map(lambda at: at.isoformat()) | st.none() | st.booleans()


@given(key=st.lists(VALUE, max_size=3) | VALUE)
def test_a_cursor_with_any_values_is_a_page_or_refused(ask: Callable[..., int], key: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    for path in LISTS:
        assert ask(path, query_string={"cursor": cursor}) in (200, 422), path


@pytest.mark.parametrize("number", [*NUMBERS[-10:], "0", "-1", "1.5", "1e300", "-9223372036854775809"])
def test_a_body_with_any_number_is_refused(ask: Callable[..., int], number: str) -> None:
    options = {"content_type": "application/json", "data": f'{{"address_id":{number},"quantity":{number}}}'}
    assert ask("/api/cart/items/TEA", "PUT", **options) == 422
    checkout = ask("/api/cart/checkout", "POST", **options)
    assert checkout in (400, 422)


@pytest.mark.usefixtures("products")
def test_a_cart_takes_100_products_at_the_highest_price_and_no_more(grace: ApiClient, query: Any) -> None:
    query(
        "INSERT INTO products (sku, name, price_minor, currency) SELECT 'SKU-' || n, 'x', %s, 'EUR'"
        " FROM generate_series(1, 101) n",
        HIGHEST_PRICE_MINOR,
    )
    for number in range(1, MOST_LINES + 1):
        assert grace.put(f"/api/cart/items/SKU-{number}", {"quantity": MOST_PIECES}).status_code == 200
    for sku in ("SKU-101", "TEA"):
        answer = grace.put(f"/api/cart/items/{sku}", {"quantity": 1})
        assert (answer.status_code, answer.get_json()["code"]) == (409, "cart-full")
    address_id = grace.post("/api/addresses", HOME).get_json()["id"]
    answer = grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key="key")
    assert answer.status_code == 201
    assert answer.get_json()["total_minor"] == MOST_LINES * MOST_PIECES * HIGHEST_PRICE_MINOR
    assert grace.get(answer.headers["Location"]).get_json() == answer.get_json()


@pytest.mark.usefixtures("products")
def test_a_cart_of_10_500_products_from_before_the_limit_is_a_conflict(grace: ApiClient, query: Any) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 1})
    query(
        "INSERT INTO products (sku, name, price_minor, currency) SELECT 'SKU-' || n, 'x', %s, 'EUR'"
        " FROM generate_series(1, 10500) n",
        HIGHEST_PRICE_MINOR,
    )
    query(
        "INSERT INTO cart_items (cart_id, product_id, user_id, quantity)"
        " SELECT carts.id, products.id, carts.user_id, 999 FROM carts, products ON CONFLICT DO NOTHING"
    )
    assert grace.get("/api/cart").status_code == 200
    address_id = grace.post("/api/addresses", HOME).get_json()["id"]
    answer = grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key="key")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "cart-full")
