"""Orders for ADMIN users: those of any user, and changes of their status."""

from __future__ import annotations

import logging

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync import Problem, claims, require_admin
from clerk_sync.shop import orders as shop
from clerk_sync.shop import store
from clerk_sync.shop.db import clerk, db
from clerk_sync.shop.orders import Order, OrderKey, OrderStatus, move_order
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response, read_body
from clerk_sync.shop.routes.orders import OrderPage, page_of
from clerk_sync.shop.routes.pagination import paged, read_cursor, read_limit

log = logging.getLogger(__name__)

admin_orders = Blueprint("admin_orders", __name__, url_prefix="/api/admin")
admin_orders.before_request(clerk.guard)


class StatusChange(Struct):
    """The new status of an order."""

    status: OrderStatus


@admin_orders.before_request
def refuse_others() -> None:
    """Raise 403 unless the user's row says ADMIN."""
    require_admin()


@admin_orders.get("/users/<id>/orders")
@describe(OrderPage, parameters=paged())
def list_orders_of(id: str) -> Response:  # noqa: A002 - the contract's word
    """List all orders of a user, named by local id or by ``user_…``. Deleted users keep their orders."""
    session = db.session()
    user_id = store.find_user_id(session, id)
    if user_id is None:
        raise Problem(404, "user-unknown", "There is no such user.")
    return json_response(page_of(shop.list_orders(session, user_id, after=read_cursor(OrderKey), limit=read_limit())))


@admin_orders.patch("/orders/<number>")
@describe(Order, body=StatusChange, refusals=(409,))
def change_order(number: str) -> Response:
    """Move an order along pending → paid → shipped → delivered, or cancel it before it is shipped."""
    order = move_order(db.session(), number, read_body(StatusChange).status)
    db.session.commit()
    log.info("order status", extra={"order": number, "order_status": order.status, "by": claims().user_id})
    return json_response(order)
