"""What only an ADMIN may see and do. No role changes here: that takes a database session."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, request
from msgspec import Struct

from clerk_sync.db.orm import db
from clerk_sync.mirror.reporting.report import MirrorState, read_state
from clerk_sync.mirror.reporting.user_queries import MirroredUser, UserKey, find_user_id, search_users
from clerk_sync.shop.orders import Order, OrderStatus, move_order
from clerk_sync.shop.routes.orders import OrderPage, order_page
from clerk_sync.web import auth
from clerk_sync.web.docs.api_doc import describe, paged
from clerk_sync.web.pagination import NextCursor, cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem
from clerk_sync.web.request_bodies import decode_body
from clerk_sync.web.responses import json_response

log = logging.getLogger(__name__)

admin = Blueprint("admin", __name__, url_prefix="/admin")

LONGEST_QUERY = 200
QUERY = {
    "name": "query",
    "in": "query",
    "description": "Part of a name, an e-mail address or a Clerk id, in any case.",
    "schema": {"type": "string", "maxLength": LONGEST_QUERY, "pattern": r"^[^\x00]*$"},
}


class UserPage(Struct):
    """Mirrored users, the newest row first, tombstones included."""

    users: list[MirroredUser]
    next_cursor: NextCursor


class StatusChange(Struct):
    """What an order is to become."""

    status: OrderStatus


@admin.before_request
def require_admin() -> None:
    """Let nobody in whose role here is not ADMIN."""
    auth.require_admin()


@admin.get("/users")
@describe(UserPage, parameters=(QUERY, *paged()))
def list_users() -> Response:
    """List mirrored users, newest first."""
    found, next_key = search_users(db.session(), _read_query(), after=read_cursor(UserKey), limit=read_limit())
    return json_response(UserPage(found, cursor_of(next_key)))


@admin.get("/users/<id>/orders")
@describe(OrderPage, parameters=paged())
def list_orders_of(id: str) -> Response:  # noqa: A002 - the contract's word
    """List all the orders of a user, named by local id or by ``user_…``; those of a deleted user, too."""
    found = find_user_id(db.session(), id)
    if found is None:
        raise Problem(404, "user-unknown", "There is no such user.")
    return order_page(found)


@admin.patch("/orders/<number>")
@describe(Order, body=StatusChange, refusals=(409,))
def change_order(number: str) -> Response:
    """Move an order along pending → paid → shipped → delivered, or cancel it before it is shipped."""
    order = move_order(db.session(), number, decode_body(StatusChange).status)
    db.session.commit()
    log.info("order status", extra={"order": number, "order_status": order.status, "by": auth.claims().user_id})
    return json_response(order)


@admin.get("/sync")
@describe(MirrorState)
def show_sync() -> Response:
    """Show the state of the mirror: how full, how fresh, what is stuck."""
    return json_response(read_state(db.session()))


def _read_query() -> str:
    query = request.args.get("query", "").strip()
    if len(query) > LONGEST_QUERY or "\0" in query:
        raise Problem(
            422, "query-invalid", f"query has to be at most {LONGEST_QUERY} characters, and none of them NUL."
        )
    return query
