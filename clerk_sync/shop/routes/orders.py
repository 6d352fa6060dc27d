"""The user's own orders. Another's are answered like those that do not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.db.orm import db
from clerk_sync.extensions import services
from clerk_sync.shop import orders as shop
from clerk_sync.shop.orders import Order, OrderKey, OrdersFound
from clerk_sync.web import auth
from clerk_sync.web.docs.api_doc import describe, paged
from clerk_sync.web.pagination import DEFAULT_LIMIT, NextCursor, cursor_of, read_cursor, read_limit
from clerk_sync.web.responses import json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from clerk_sync.services import Services

orders = Blueprint("orders", __name__, url_prefix="/orders")


class OrderPage(Struct):
    """Orders of one user, newest first."""

    orders: list[Order]
    next_cursor: NextCursor


@orders.get("")
@describe(OrderPage, parameters=paged())
def list_orders() -> Response:
    """List your orders, newest first."""
    return order_page(auth.current_user().id)


@orders.get("/<number>")
@describe(Order)
def show_order(number: str) -> Response:
    """Show one of your orders."""
    return json_response(shop.get_order(db.session(), auth.current_user().id, number))


def order_page(user_id: int) -> Response:
    """Answer the page of this user's orders that the request asks for."""
    found = shop.list_orders(services().pool, user_id, after=read_cursor(OrderKey), limit=read_limit())
    return json_response(_page(found))


# The first page, by far the most asked; a limit of two digits needs no further check.
_FIRST_PAGE = re.compile("(?:limit=([1-9][0-9]?))?")


def express_list_orders(services: Services, environ: WSGIEnvironment) -> OrderPage | None:
    """Return what ``list_orders`` answers with the first page of an active user who has orders, in one statement."""
    asked = _FIRST_PAGE.fullmatch(environ.get("QUERY_STRING", ""))
    if asked is None:
        return None
    clerk_id = auth.prove(services, environ).user_id
    found = shop.list_first_orders(services.pool, clerk_id, limit=int(asked[1] or DEFAULT_LIMIT))
    return _page(found) if found.orders else None


def _page(found: OrdersFound) -> OrderPage:
    return OrderPage(found.orders, cursor_of(found.next_key))
