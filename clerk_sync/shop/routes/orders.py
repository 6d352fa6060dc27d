"""Routes for the user's own orders. Another user's order is answered 404."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync import claims, current_user
from clerk_sync.shop import orders as shop
from clerk_sync.shop.db import clerk, db
from clerk_sync.shop.orders import Order, OrderKey, OrdersFound, ShippingAddress
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response
from clerk_sync.shop.routes.pagination import NextCursor, cursor_of, paged, read_cursor, read_limit

orders = Blueprint("orders", __name__, url_prefix="/api/orders")
orders.before_request(clerk.guard)


class OrderPage(Struct):
    """Orders of one user, newest first."""

    orders: list[Order]
    next_cursor: NextCursor


@orders.get("")
@describe(OrderPage, parameters=paged(), schemas=(ShippingAddress,))
def list_orders() -> Response:
    """List your orders, newest first."""
    page = page_of(shop.list_own_orders(claims().user_id, after=read_cursor(OrderKey), limit=read_limit()))
    if not page.orders:
        current_user()  # answers 403 to a deleted or banned user, and creates the row of a new one
    return json_response(page)


@orders.get("/<number>")
@describe(Order)
def show_order(number: str) -> Response:
    """Show one of your orders."""
    return json_response(shop.get_order(db.session(), current_user().id, number))


def page_of(found: OrdersFound) -> OrderPage:
    """Return the response's body for ``found``."""
    return OrderPage(found.orders, cursor_of(found.next_key))
