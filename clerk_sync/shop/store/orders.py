"""SQL of orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, TypeAlias

from sqlalchemy import Row, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from clerk_sync.shop.db import users
from clerk_sync.shop.fields import LARGEST_ID, LARGEST_TOTAL_MINOR
from clerk_sync.shop.store.carts import CART_LINES
from clerk_sync.shop.store.owner import Owner
from clerk_sync.shop.store.prepared_query import PreparedQuery

_PLACE_ORDER = text(f"""
WITH line AS MATERIALIZED ({CART_LINES}
), cart AS (
    SELECT count(*) AS lines, sum(CAST(quantity AS numeric) * price_minor) AS total_minor,
           min(currency) AS currency, bool_and(available) AS is_available
    FROM line
), destination AS (
    SELECT jsonb_build_object('name', coalesce(name, :recipient), 'line1', line1, 'line2', line2, 'city', city,
        'region', region, 'postal_code', postal_code, 'country', country, 'phone', phone) AS address
    FROM addresses WHERE id = :address_id AND user_id = :user_id
), placed AS (
    INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key)
    SELECT :number, :user_id, currency, total_minor, address, :idempotency_key
    FROM cart, destination
    WHERE is_available AND lines <= :most_lines AND total_minor <= :largest_total
    ON CONFLICT (number) DO NOTHING
    RETURNING id
), copied AS (
    INSERT INTO order_items (order_id, line, user_id, sku, name, quantity, unit_price_minor)
    SELECT placed.id, line, :user_id, sku, name, quantity, price_minor FROM placed, line
), emptied AS (
    DELETE FROM carts WHERE user_id = :user_id AND EXISTS (SELECT FROM placed)
)
SELECT (SELECT id FROM placed), EXISTS (SELECT FROM destination), lines, lines > :most_lines,
       coalesce(total_minor > :largest_total, false), ARRAY(SELECT sku FROM line WHERE NOT available)
FROM cart
""")


class PlacedOrder(NamedTuple):
    """The result of ``place_order``. Without an ``order_id`` nothing changed.

    If the other fields show no cause, another order has the number.
    """

    order_id: int | None
    address_known: bool
    lines: int
    is_too_long: bool
    is_too_large: bool
    unavailable: list[str]


def place_order(
    session: Session,
    owner: Owner,
    number: str,
    address_id: int,
    idempotency_key: str,
    *,
    recipient: str | None,
    most_lines: int,
) -> PlacedOrder:
    """Turn the owner's cart into an order at current prices and delete the cart, or change nothing."""
    values = {
        "user_id": owner.id,
        "number": number,
        "address_id": address_id,
        "recipient": recipient,
        "idempotency_key": idempotency_key,
        "most_lines": most_lines,
        "largest_total": LARGEST_TOTAL_MINOR,
    }
    return PlacedOrder(*session.execute(_PLACE_ORDER, values).one())


# One row an order. The lines are one JSON list, so that a page of orders is one statement with one row each.
_SELECT: LiteralString = """
SELECT id, created_at, number, status, currency, total_minor, CAST(shipping_address AS text),
       (SELECT CAST(coalesce(json_agg(json_build_object('sku', sku, 'name', name, 'quantity', quantity,
                                                        'unit_price_minor', unit_price_minor) ORDER BY line),
                             '[]') AS text)
        FROM order_items WHERE order_id = orders.id)
FROM orders
"""
OrderRow: TypeAlias = Row[Any] | tuple[Any, ...]

_PAGE: LiteralString = """
  AND (created_at, id) < (CAST(%(created_at)s AS timestamp) AT TIME ZONE 'UTC', CAST(%(id)s AS bigint))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
LIST_ORDERS: LiteralString = _SELECT + "WHERE user_id = %(user_id)s" + _PAGE
_USERS = postgresql.dialect().identifier_preparer.format_table(users)  # type: ignore[no-untyped-call]
# Finding the user in the same statement saves a round trip, a fifth of the request's CPU time.
_ACTIVE_USER = f"(SELECT id FROM {_USERS} WHERE clerk_id = %(clerk_id)s AND deleted_at IS NULL AND NOT banned)"
_LIST_OWN_ORDERS = PreparedQuery(
    "shop_own_orders", f"{_SELECT}WHERE user_id = {_ACTIVE_USER}{_PAGE}", ["clerk_id", "created_at", "id", "limit"]
)
_FIND_ORDER_BY_ID = text(_SELECT + "WHERE id = :id")
_FIND_ORDER_BY_KEY = text(_SELECT + "WHERE user_id = :user_id AND idempotency_key = :key")
_FIND_ORDER_BY_NUMBER = text(_SELECT + "WHERE user_id = :user_id AND number = :number")


def list_orders(
    session: Session, user_id: int, *, after: tuple[datetime, int] | None, limit: int
) -> Sequence[OrderRow]:
    """Return up to ``limit`` orders of a user after the key ``after``, newest first."""
    values = {"user_id": user_id, **_page(after, limit)}
    return session.connection().exec_driver_sql(LIST_ORDERS, values).all()


def list_own_orders(clerk_id: str, *, after: tuple[datetime, int] | None, limit: int) -> Sequence[OrderRow]:
    """Return a page as ``list_orders`` does. Unknown, deleted and banned users have no orders here."""
    return _LIST_OWN_ORDERS.fetch_all({"clerk_id": clerk_id, **_page(after, limit)})


def _page(after: tuple[datetime, int] | None, limit: int) -> dict[str, object]:
    created_at, id_ = after or ("infinity", LARGEST_ID)
    return {"created_at": created_at, "id": id_, "limit": limit}


def find_order_by_id(session: Session, order_id: int) -> OrderRow | None:
    """Return the order with this id."""
    return session.execute(_FIND_ORDER_BY_ID, {"id": order_id}).one_or_none()


def find_order_by_key(session: Session, owner: Owner, key: str) -> OrderRow | None:
    """Return the order that the owner made with this idempotency key."""
    return session.execute(_FIND_ORDER_BY_KEY, {"user_id": owner.id, "key": key}).one_or_none()


def find_order_by_number(session: Session, user_id: int, number: str) -> OrderRow | None:
    """Return the user's order with this number."""
    return session.execute(_FIND_ORDER_BY_NUMBER, {"user_id": user_id, "number": number}).one_or_none()


_MOVE_ORDER = text("""
WITH old AS MATERIALIZED (
    SELECT id, status FROM orders WHERE number = :number FOR NO KEY UPDATE
), moved AS (
    UPDATE orders SET status = :status, updated_at = now() FROM old
    WHERE orders.id = old.id AND old.status = ANY(:allowed_from)
    RETURNING orders.id
)
SELECT id, status, EXISTS (SELECT FROM moved) FROM old
""")


class MovedOrder(NamedTuple):
    """The result of ``move_order``: the order, its old status, and whether the status changed."""

    order_id: int
    old_status: str
    done: bool


def move_order(session: Session, number: str, status: str, allowed_from: Sequence[str]) -> MovedOrder | None:
    """Set ``status`` if the order's is one of ``allowed_from``; None if there is no such order."""
    values = {"number": number, "status": status, "allowed_from": list(allowed_from)}
    row = session.execute(_MOVE_ORDER, values).one_or_none()
    return MovedOrder(*row) if row else None
