"""The cart's routes and the checkout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import clerk_event
from tests.web.client_user import ApiClient
from tests.web.conftest import GRACE, HOME

Query = Callable[..., list[tuple[Any, ...]]]
Deliver = Callable[..., TestResponse]

pytestmark = pytest.mark.usefixtures("products")

EMPTY: dict[str, Any] = {"items": [], "currency": None, "total_minor": 0}


def refused(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


@pytest.fixture
def address_id(grace: ApiClient) -> int:
    found: int = grace.post("/api/addresses", HOME).get_json()["id"]
    return found


def test_a_cart_is_filled_and_emptied(grace: ApiClient) -> None:
    assert grace.get("/api/cart").get_json() == EMPTY
    tea = {"sku": "TEA", "name": "Tea", "quantity": 2, "unit_price_minor": 1290, "currency": "EUR", "available": True}
    filled = {"items": [tea], "currency": "EUR", "total_minor": 2580}
    assert grace.put("/api/cart/items/TEA", {"quantity": 2}).get_json() == filled
    assert grace.get("/api/cart").get_json() == filled
    for _ in range(2):
        removed = grace.delete("/api/cart/items/TEA")
        assert (removed.status_code, removed.get_json()) == (200, EMPTY)


def test_the_price_comes_from_the_catalogue_even_if_one_is_sent(grace: ApiClient) -> None:
    sent = {"quantity": 1, "unit_price_minor": 1, "price_minor": 1, "currency": "USD", "total_minor": 1}
    cart = grace.put("/api/cart/items/TEA", sent).get_json()
    assert (cart["total_minor"], cart["currency"]) == (1290, "EUR")


@pytest.mark.parametrize("sku", ["NOPE", "OLD", "tea", "TEA ", "x" * 5000, "%27%3B--", "🫖"])
def test_a_product_off_sale_is_unknown(grace: ApiClient, sku: str) -> None:
    assert refused(grace.put(f"/api/cart/items/{sku}", {"quantity": 1})) == (404, "product-unknown")
    assert grace.delete(f"/api/cart/items/{sku}").status_code == 200


def test_a_sku_with_nul_is_not_found(grace: ApiClient) -> None:
    assert grace.put("/api/cart/items/TEA%00", {"quantity": 1}).status_code == 404
    assert grace.delete("/api/cart/items/TEA%00").status_code == 404


@pytest.mark.parametrize("quantity", [0, -1, 1000, 1.5, "1", True, None, [], 10**30, 1e400])
def test_a_quantity_is_a_whole_number_from_1_to_999(grace: ApiClient, quantity: object) -> None:
    assert refused(grace.put("/api/cart/items/TEA", {"quantity": quantity})) == (
        (422, "body-invalid") if quantity != float("inf") else (400, "not-json")
    )
    assert grace.get("/api/cart").get_json() == EMPTY


def test_a_second_currency_is_a_conflict(grace: ApiClient) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 1})
    assert refused(grace.put("/api/cart/items/HAT", {"quantity": 1})) == (409, "currency-mismatch")


def test_a_checkout_makes_an_order_once(grace: ApiClient, address_id: int, query: Query) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 2})
    sent = {"address_id": address_id, "total_minor": 1, "items": []}
    first = grace.post("/api/cart/checkout", sent, Idempotency_Key="a key of 1 to 255 characters ~")
    assert (first.status_code, first.get_json()["total_minor"]) == (201, 2580)
    assert "Idempotent-Replayed" not in first.headers
    again = grace.post("/api/cart/checkout", sent, Idempotency_Key="a key of 1 to 255 characters ~")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.get_data() == first.get_data()
    assert grace.get(first.headers["Location"]).get_json() == first.get_json()
    assert query("SELECT count(*) FROM orders") == [(1,)]
    assert grace.get("/api/cart").get_json() == EMPTY


def test_a_checkout_without_a_key_does_nothing(grace: ApiClient, address_id: int, query: Query) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 2})
    assert refused(grace.post("/api/cart/checkout", {"address_id": address_id})) == (400, "idempotency-key-missing")
    for key in ("x" * 256, "caf\u00e9", "tab\there"):
        answer = grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key=key)
        assert refused(answer) == (400, "idempotency-key-invalid")
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_a_checkout_of_nothing_is_a_conflict(grace: ApiClient, address_id: int) -> None:
    answer = grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key="key")
    assert refused(answer) == (409, "cart-empty")


def test_a_checkout_goes_to_an_own_address_only(grace: ApiClient, ada: ApiClient, address_id: int) -> None:
    ada.put("/api/cart/items/TEA", {"quantity": 2})
    for wrong in (address_id, 2**63 - 1):
        answer = ada.post("/api/cart/checkout", {"address_id": wrong}, Idempotency_Key="key")
        assert refused(answer) == (422, "address-unknown")
    for malformed in (0, 2**63, "1", None, True):
        answer = ada.post("/api/cart/checkout", {"address_id": malformed}, Idempotency_Key="key")
        assert refused(answer) == (422, "body-invalid")


def test_a_product_off_sale_stops_the_checkout_and_is_named(grace: ApiClient, address_id: int, query: Query) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 2})
    query("UPDATE products SET active = false")
    answer = grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key="key")
    assert refused(answer) == (409, "product-unavailable")
    assert "TEA" in answer.get_json()["detail"]


def test_a_deleted_user_owns_no_address_and_no_cart(
    grace: ApiClient, address_id: int, deliver: Deliver, query: Query
) -> None:
    grace.put("/api/cart/items/TEA", {"quantity": 2})
    deliver(clerk_event("user.deleted", {"id": GRACE, "object": "user", "deleted": True}))
    answers = [
        grace.get("/api/cart"),
        grace.put("/api/cart/items/TEA", {"quantity": 2}),
        grace.post("/api/addresses", HOME),
        grace.post("/api/cart/checkout", {"address_id": address_id}, Idempotency_Key="key"),
    ]
    assert [refused(answer) for answer in answers] == [(403, "user-deleted")] * 4
    counts = query("SELECT (SELECT count(*) FROM carts), (SELECT count(*) FROM addresses), count(*) FROM orders")
    assert counts == [(0, 0, 0)]
