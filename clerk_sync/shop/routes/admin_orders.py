"""Orders for ADMIN users: those of any user, and changes of their status."""

from __future__ import annotations

import logging

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.db.orm import db
from clerk_sync.mirror.reporting.user_queries import find_user_id
from clerk_sync.shop.orders import Order, OrderStatus, move_order
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response, read_body
from clerk_sync.shop.routes.orders import OrderPage, find_page
from clerk_sync.shop.routes.pagination import paged
from clerk_sync.web import auth
from clerk_sync.web.problems import Problem

log = logging.getLogger(__name__)

admin_orders = auth.guard(Blueprint("admin_orders", __name__, url_prefix="/api/admin"))


class StatusChange(Struct):
    """The new status of an order."""

    status: OrderStatus


@admin_orders.before_request
def require_admin() -> None:
    """Raise 403 unless the user's row says ADMIN."""
    auth.require_admin()


@admin_orders.get("/users/<id>/orders")
@describe(OrderPage, parameters=paged())
def list_orders_of(id: str) -> Response:  # noqa: A002 - the contract's word
    """List all orders of a user, named by local id or by ``user_…``. Deleted users keep their orders."""
    session = db.session()
    user_id = find_user_id(session, id)
    if user_id is None:
        raise Problem(404, "user-unknown", "There is no such user.")
    return json_response(find_page(session, user_id))


@admin_orders.patch("/orders/<number>")
@describe(Order, body=StatusChange, refusals=(409,))
def change_order(number: str) -> Response:
    """Move an order along pending → paid → shipped → delivered, or cancel it before it is shipped."""
    order = move_order(db.session(), number, read_body(StatusChange).status)
    db.session.commit()
    log.info("order status", extra={"order": number, "order_status": order.status, "by": auth.claims().user_id})
    return json_response(order)
