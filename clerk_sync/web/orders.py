"""The user's own orders. Another's are answered like those that do not exist."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.extensions import db, services
from clerk_sync.shop import orders as shop
from clerk_sync.shop.orders import Order, OrderKey
from clerk_sync.web import identity
from clerk_sync.web.answers import json_response
from clerk_sync.web.operations import describe, paged
from clerk_sync.web.paging import NextCursor, cursor_of, read_cursor, read_limit

orders = Blueprint("orders", __name__, url_prefix="/orders")


class OrderPage(Struct):
    """Orders of one user, newest first."""

    orders: list[Order]
    next_cursor: NextCursor


@orders.get("")
@describe(OrderPage, parameters=paged())
def list_orders() -> Response:
    """List your orders, newest first."""
    return order_page(identity.current_user().id)


@orders.get("/<number>")
@describe(Order)
def show_order(number: str) -> Response:
    """Show one of your orders."""
    return json_response(shop.get_order(db.session(), identity.current_user().id, number))


def order_page(user_id: int) -> Response:
    """Answer the page of this user's orders that the request asks for."""
    found, next_key = shop.list_orders(services().statements, user_id, after=read_cursor(OrderKey), limit=read_limit())
    return json_response(OrderPage(found, cursor_of(next_key)))
