"""The public route of the catalogue."""

from __future__ import annotations

import pytest

from tests.web.client_user import ApiClient

pytestmark = pytest.mark.usefixtures("products")


def test_a_signed_out_client_sees_the_catalogue(signed_out: ApiClient) -> None:
    answer = signed_out.get("/api/products").get_json()
    assert answer["next_cursor"] is None
    assert [product["sku"] for product in answer["products"]] == ["CUP", "HAT", "TEA"]
    assert answer["products"][2] == {
        "sku": "TEA",
        "name": "Tea",
        "description": "Malty.",
        "price_minor": 1290,
        "currency": "EUR",
    }


def test_a_bad_token_does_not_hide_the_catalogue(signed_out: ApiClient) -> None:
    assert signed_out.send("GET", "/api/products", {"Authorization": "Bearer nonsense"}).status_code == 200


def test_products_come_in_pages(signed_out: ApiClient) -> None:
    first = signed_out.get("/api/products?limit=2").get_json()
    rest = signed_out.get(f"/api/products?limit=2&cursor={first['next_cursor']}").get_json()
    assert [product["sku"] for product in first["products"] + rest["products"]] == ["CUP", "HAT", "TEA"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "cursor=WyJcdTAwMDAiXQ", "cursor=WzFd"])
def test_an_invalid_page_is_refused(signed_out: ApiClient, query: str) -> None:
    assert signed_out.get(f"/api/products?{query}").status_code == 422
