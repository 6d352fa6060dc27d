"""Routes for the user's cart and its checkout."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request, url_for
from msgspec import Struct

from clerk_sync import Problem, current_user
from clerk_sync.shop import cart as shop
from clerk_sync.shop import orders
from clerk_sync.shop.cart import Cart
from clerk_sync.shop.db import clerk, db
from clerk_sync.shop.fields import Id, Quantity
from clerk_sync.shop.orders import Order
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response, read_body

cart = Blueprint("cart", __name__, url_prefix="/api/cart")
cart.before_request(clerk.guard)

_KEY_PATTERN = "^[ -~]{1,255}$"
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Any text, new for every purchase. A request that is sent again with it does not buy again.",
    "schema": {"type": "string", "pattern": _KEY_PATTERN},
}

ORDER_HEADERS = {"Location": "The order.", "Idempotent-Replayed": "`true` if an earlier request made the order."}


class CartItem(Struct):
    """The quantity of a product. The price comes from the catalogue."""

    quantity: Quantity


class Purchase(Struct):
    """The address for the order."""

    address_id: Id


@cart.get("")
@describe(Cart)
def show_cart() -> Response:
    """Show your cart at the catalogue's prices."""
    return json_response(shop.read_cart(db.session(), current_user().id))


@cart.put("/items/<sku>")
@describe(Cart, body=CartItem, refusals=(409,))
def put_item(sku: str) -> Response:
    """Set the quantity of a product in your cart. A cart holds 100 products."""
    user = current_user()
    changed = shop.set_quantity(db.session(), user.id, sku, read_body(CartItem).quantity)
    db.session.commit()
    return json_response(changed)


@cart.delete("/items/<sku>")
@describe(Cart)
def remove_item(sku: str) -> Response:
    """Remove a product from your cart. If it is not in it, nothing changes."""
    changed = shop.remove_item(db.session(), current_user().id, sku)
    db.session.commit()
    return json_response(changed)


@cart.post("/checkout")
@describe(Order, status=201, body=Purchase, parameters=(IDEMPOTENCY_KEY,), headers=ORDER_HEADERS, refusals=(409,))
def check_out() -> Response:
    """Turn your cart into an order.

    A repeated ``Idempotency-Key`` returns the same order, with the header ``Idempotent-Replayed: true``.
    """
    user = current_user()
    key = _read_idempotency_key()
    order, replayed = orders.check_out(db.session(), user, read_body(Purchase).address_id, key)
    db.session.commit()
    response = json_response(order, 201)
    response.headers["Location"] = url_for("orders.show_order", number=order.number)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _read_idempotency_key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise Problem(400, "idempotency-key-missing", "A checkout needs an Idempotency-Key header.")
    if not re.fullmatch(_KEY_PATTERN, key):
        raise Problem(400, "idempotency-key-invalid", "Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key
