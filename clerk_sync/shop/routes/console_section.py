"""The shop's section on the console's page of a user: orders, and the number of addresses."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from clerk_sync.shop.addresses import list_addresses
from clerk_sync.shop.db import db
from clerk_sync.shop.orders import OrderKey, list_orders
from clerk_sync.shop.routes.pagination import cursor_of, read_cursor, read_limit

templates = Blueprint("shop_templates", __name__, template_folder="../templates")

ORDERS_PER_PAGE = 20


def show_orders(user_id: int, **values: Any) -> str:
    """Return the section as HTML; ``values`` are the console's template variables."""
    orders, next_key = list_orders(
        db.session(), user_id, after=read_cursor(OrderKey), limit=read_limit(ORDERS_PER_PAGE)
    )
    addresses = len(list_addresses(db.session(), user_id))
    db.session.rollback()  # the console goes on with another connection, and a request holds one at a time
    return render_template(
        "shop/orders_section.html",
        user_id=user_id,
        orders=orders,
        next_cursor=cursor_of(next_key),
        addresses=addresses,
        **values,
    )
