"""Orders: made from a cart in one transaction, read in pages, moved along their one road."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from msgspec import Meta, Raw, Struct
from sqlalchemy.orm import Session

from clerk_sync.db.pool import ConnectionPool
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop import store
from clerk_sync.shop.errors import (
    CartEmptyError,
    CartFullError,
    DestinationUnknownError,
    InvalidTransitionError,
    OrderUnknownError,
    ProductsUnavailableError,
    TotalTooLargeError,
)
from clerk_sync.shop.fields import MOST_LINES, Currency, Id, Instant

CROCKFORD_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O or U: made to be read aloud


class OrderStatus(StrEnum):
    """How far an order has come."""

    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


ALLOWED_FROM = {
    OrderStatus.PENDING: (),
    OrderStatus.PAID: (OrderStatus.PENDING,),
    OrderStatus.SHIPPED: (OrderStatus.PAID,),
    OrderStatus.DELIVERED: (OrderStatus.SHIPPED,),
    OrderStatus.CANCELLED: (OrderStatus.PENDING, OrderStatus.PAID),
}
"""Which status may be followed by the one that is the key."""


class ShippingAddress(Struct):
    """Where an order goes: a copy made at checkout. Without a name, nobody had said one by then."""

    name: str | None
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


class OrderLine(Struct):
    """One line of an order, with the name and price of the day."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int


class Order(Struct):
    """What was bought, at which prices, and where it goes."""

    number: str
    status: OrderStatus
    currency: Currency
    total_minor: int
    # Stored JSON goes out as it is: nothing of ours looks into it.
    shipping_address: Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/ShippingAddress"})]
    created_at: Instant
    items: list[OrderLine]


class OrderKey(NamedTuple):
    """The place of an order in its owner's list."""

    # UTC without an offset: PostgreSQL refuses some offsets that a made-up key could have.
    created_at: Annotated[datetime, Meta(tz=False)]
    id: Id

    @classmethod
    def of(cls, created_at: datetime, id_: int) -> Self:
        return cls(created_at.astimezone(UTC).replace(tzinfo=None), id_)


class OrdersFound(NamedTuple):
    """Some orders of one user, newest first; ``next_key`` is where the next page goes on, None behind the last."""

    orders: list[Order]
    next_key: OrderKey | None


class Checkout(NamedTuple):
    """An order, and whether an earlier request with the same key had made it."""

    order: Order
    replayed: bool


def new_order_number() -> str:
    """Return a number for an order: short enough to be read aloud, too random to be guessed (50 bits)."""
    return "ORD-" + "".join(secrets.choice(CROCKFORD_BASE32) for _ in range(10))


def check_out(
    session: Session,
    user: LocalUser,
    address_id: int,
    idempotency_key: str,
    new_order_number: Callable[[], str] = new_order_number,
) -> Checkout:
    """Return the order that the user's cart became; the same key gives the same order, whatever else is sent.

    Parallel calls for one user queue at the lock: the first makes the order, the others find it or an empty cart.
    Raises OwnerGone, DestinationUnknown, CartEmpty, CartFull, ProductsUnavailable or TotalTooLarge; then nothing has
    changed.
    """
    owner = store.lock_owner(session, user.id)
    earlier = store.orders.find_order_by_key(session, owner, idempotency_key)
    if earlier:
        return Checkout(_assemble(earlier)[0][0], replayed=True)
    order_id = None
    while order_id is None:  # a number that another order has, by chance, is drawn again
        placed = store.orders.place_order(
            session,
            owner,
            new_order_number(),
            address_id,
            idempotency_key,
            recipient=_find_recipient(user),
            most_lines=MOST_LINES,
        )
        _require_placeable(placed)
        order_id = placed.order_id
    return Checkout(_one(store.orders.find_order_by_id(session, order_id)), replayed=False)


def _require_placeable(placed: store.orders.PlacedOrder) -> None:
    if not placed.address_known:
        raise DestinationUnknownError
    if not placed.lines:
        raise CartEmptyError
    # A cart from before there was a limit can be longer.
    if placed.is_too_long:
        raise CartFullError(MOST_LINES)
    if placed.unavailable:
        raise ProductsUnavailableError(placed.unavailable)
    if placed.is_too_large:
        raise TotalTooLargeError


def _find_recipient(user: LocalUser) -> str | None:
    # At first sight the id stands in for a name. It means nothing on a parcel, and hides that there is none.
    return user.name if user.name != user.clerk_id else None


def list_orders(statements: ConnectionPool, user_id: int, *, after: OrderKey | None, limit: int) -> OrdersFound:
    """Return up to ``limit`` orders of a user, newest first, behind ``after``."""
    return _cut(store.orders.list_orders(statements, user_id, after=after, limit=limit + 1), limit)


def list_first_orders(statements: ConnectionPool, clerk_id: str, *, limit: int) -> OrdersFound:
    """Return the newest orders of the user with this id of Clerk's; none for one who is unknown, deleted or banned."""
    return _cut(store.orders.list_first_orders(statements, clerk_id, limit=limit + 1), limit)


def _cut(rows: Iterable[store.orders.OrderRow], limit: int) -> OrdersFound:
    """Return ``limit`` of the orders in ``rows``, which hold one more where there are more."""
    found, ids = _assemble(rows)
    if len(found) <= limit:
        return OrdersFound(found, None)
    return OrdersFound(found[:limit], OrderKey.of(found[limit - 1].created_at, ids[limit - 1]))


def get_order(session: Session, user_id: int, number: str) -> Order:
    """Return one of the user's orders; raise OrderUnknown, for another's as well."""
    return _one(store.orders.find_order_by_number(session, user_id, number))


def move_order(session: Session, number: str, status: OrderStatus) -> Order:
    """Return the order, whoever's it is, with ``status``; a status that it has already is no change.

    Raises OrderUnknown or InvalidTransition.
    """
    moved = store.orders.move_order(session, number, status, ALLOWED_FROM[status])
    if moved is None:
        raise OrderUnknownError
    if not moved.done and moved.old_status != status:
        raise InvalidTransitionError(moved.old_status, status)
    return _one(store.orders.find_order_by_id(session, moved.order_id))


def _one(rows: Iterable[store.orders.OrderRow]) -> Order:
    orders, _ = _assemble(rows)
    if not orders:
        raise OrderUnknownError
    return orders[0]


def _assemble(rows: Iterable[store.orders.OrderRow]) -> tuple[list[Order], list[int]]:
    """Fold joined rows, an order's lines one after another, into orders and their ids."""
    orders: list[Order] = []
    ids: list[int] = []
    for id_, created_at, number, status, currency, total_minor, address, sku, name, quantity, price_minor in rows:
        if not ids or ids[-1] != id_:
            ids.append(id_)
            orders.append(Order(number, OrderStatus(status), currency, total_minor, Raw(address), created_at, items=[]))
        if sku is not None:
            orders[-1].items.append(OrderLine(sku, name, quantity, price_minor))
    return orders, ids
