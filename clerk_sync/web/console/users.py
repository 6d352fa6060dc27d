"""Mirrored users: found by a person, and looked at one by one. Nothing here changes anything about them."""

from __future__ import annotations

from flask import Blueprint, Response, request

from clerk_sync.db.orm import db
from clerk_sync.extensions import services
from clerk_sync.mirror.reporting import user_history
from clerk_sync.mirror.reporting.user_queries import UserKey, search_users
from clerk_sync.shop.addresses import list_addresses
from clerk_sync.shop.orders import OrderKey, list_orders
from clerk_sync.web.console import rendering
from clerk_sync.web.pagination import cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem

users = Blueprint("users", __name__)

PER_PAGE = 50
ORDERS_PER_PAGE = 20
MOST_EVENTS = 50
LONGEST_QUERY = 200


@users.get("/users")
def list_users() -> Response:
    """Show users, the newest row first, or those whom the search finds."""
    query = request.args.get("query", "").strip()
    if len(query) > LONGEST_QUERY or "\0" in query:
        raise Problem(422, "query-invalid", f"A search has at most {LONGEST_QUERY} characters, and none of them NUL.")
    found, next_key = search_users(db.session(), query, after=read_cursor(UserKey), limit=read_limit(PER_PAGE))
    return rendering.show("console/users.html", users=found, query=query, next_cursor=cursor_of(next_key))


@users.get("/users/<reference>")
def show_user(reference: str) -> Response:
    """Show one user, named by either id: the row, orders, what was delivered, and who changed their role."""
    session = db.session()
    user = user_history.find_mirrored_user(session, reference)
    if user is None:
        raise Problem(404, "user-unknown", "There is no such user.")
    orders, next_order = list_orders(
        services().pool, user.id, after=read_cursor(OrderKey), limit=read_limit(ORDERS_PER_PAGE)
    )
    return rendering.show(
        "console/user.html",
        user=user,
        orders=orders,
        next_cursor=cursor_of(next_order),
        addresses=len(list_addresses(session, user.id)),
        events=user_history.list_events_of(session, user.clerk_id, limit=MOST_EVENTS),
        most_events=MOST_EVENTS,
        role_changes=user_history.list_role_changes_of(session, user.id, limit=MOST_EVENTS),
    )
