"""Test clients for users of the API, and products for them to buy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.shop.catalogue import ProductEntry, load_products
from clerk_sync.shop.db import db
from tests.local_clerk import clerk
from tests.web.client_user import ApiClient, Description

__all__ = ["clerk"]

GRACE = "user_grace"
ADA = "user_ada"
BOSS = "user_boss"


@pytest.fixture
def description(client: FlaskClient) -> Description:
    return Description(client.get("/api/openapi.json").get_json())


@pytest.fixture
def make_api_client(client: FlaskClient, description: Description, bearer: Callable[..., dict[str, str]]) -> Any:
    """A factory of API clients: signed in if there is a Clerk id, else signed out."""
    return lambda clerk_id=None: ApiClient(client, description, bearer(clerk_id) if clerk_id else {})


@pytest.fixture
def signed_out(make_api_client: Any) -> ApiClient:
    made: ApiClient = make_api_client()
    return made


@pytest.fixture
def grace(make_api_client: Any) -> ApiClient:
    made: ApiClient = make_api_client(GRACE)
    return made


@pytest.fixture
def ada(make_api_client: Any) -> ApiClient:
    made: ApiClient = make_api_client(ADA)
    return made


@pytest.fixture
def boss(make_api_client: Any, query: Callable[..., list[tuple[Any, ...]]]) -> ApiClient:
    """An ADMIN. Only an operator can make one, in the database."""
    made: ApiClient = make_api_client(BOSS)
    made.get("/api/me")
    query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", BOSS)
    return made


@pytest.fixture
def products(app: Flask) -> None:
    """TEA and CUP in euros, HAT in dollars, and OLD, which is off sale."""
    with app.app_context():
        load_products(
            db.session(),
            [
                ProductEntry("TEA", "Tea", 1290, "EUR", "Malty."),
                ProductEntry("CUP", "Cup", 2400, "EUR"),
                ProductEntry("HAT", "Hat", 3000, "USD"),
                ProductEntry("OLD", "Old", 100, "EUR", active=False),
            ],
        )
        db.session.commit()


HOME = {"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}


@pytest.fixture
def order(grace: ApiClient, products: None) -> dict[str, Any]:
    """The response to Grace's pending order of two TEA."""
    address = grace.post("/api/addresses", HOME).get_json()
    grace.put("/api/cart/items/TEA", {"quantity": 2})
    made: dict[str, Any] = grace.post(
        "/api/cart/checkout", {"address_id": address["id"]}, Idempotency_Key="order"
    ).get_json()
    return made
