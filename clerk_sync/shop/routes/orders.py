"""Routes for the user's own orders. Another user's order is answered 404."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.db.orm import db
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.extensions import services
from clerk_sync.shop import orders as shop
from clerk_sync.shop.orders import Order, OrderKey, ShippingAddress
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response
from clerk_sync.shop.routes.pagination import NextCursor, cursor_of, paged, read_cursor, read_limit
from clerk_sync.web import auth

orders = auth.guard(Blueprint("orders", __name__, url_prefix="/api/orders"))


class OrderPage(Struct):
    """Orders of one user, newest first."""

    orders: list[Order]
    next_cursor: NextCursor


@orders.get("")
@describe(OrderPage, parameters=paged(), schemas=(ShippingAddress,))
def list_orders() -> Response:
    """List your orders, newest first."""
    page = find_page(services().pool, auth.claims().user_id)
    if not page.orders:
        auth.current_user()  # answers 403 to a deleted or banned user, and creates the row of a new one
    return json_response(page)


@orders.get("/<number>")
@describe(Order)
def show_order(number: str) -> Response:
    """Show one of your orders."""
    return json_response(shop.get_order(db.session(), auth.current_user().id, number))


def find_page(executor: SqlExecutor, owner: int | str) -> OrderPage:
    """Return the page of orders that the request asks for; ``owner`` is as in ``list_orders``."""
    found = shop.list_orders(executor, owner, after=read_cursor(OrderKey), limit=read_limit())
    return OrderPage(found.orders, cursor_of(found.next_key))
