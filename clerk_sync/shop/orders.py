"""Orders: made from a cart in one transaction, listed in pages, changed from status to status."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, Protocol, Self

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder
from sqlalchemy.orm import Session

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
    """The status of an order."""

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
"""The statuses from which an order may change to the key."""


class ShippingAddress(Struct):
    """Where an order goes: a copy made at checkout. ``name`` is null if neither address nor user had one."""

    name: str | None
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


class OrderLine(Struct):
    """One line of an order, with the name and the price at checkout."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int


class Order(Struct):
    """An order. Amounts are whole minor units of ``currency``."""

    number: str
    status: OrderStatus
    currency: Currency
    total_minor: int
    # The stored JSON is sent as it is, without decoding it.
    shipping_address: Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/ShippingAddress"})]
    created_at: Instant
    items: list[OrderLine]


class Customer(Protocol):
    """A user who buys: the columns of a mirrored user that an order needs."""

    @property
    def id(self) -> int: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def username(self) -> str | None: ...
    @property
    def email(self) -> str | None: ...


class OrderKey(NamedTuple):
    """The position of an order in its owner's list, for the next page."""

    # UTC without an offset: PostgreSQL refuses some offsets that a forged cursor could contain.
    created_at: Annotated[datetime, Meta(tz=False)]
    id: Id

    @classmethod
    def of(cls, created_at: datetime, id_: int) -> Self:
        return cls(created_at.astimezone(UTC).replace(tzinfo=None), id_)


class OrdersFound(NamedTuple):
    """One page of a user's orders, newest first; ``next_key`` is None on the last page."""

    orders: list[Order]
    next_key: OrderKey | None


class Checkout(NamedTuple):
    """An order, and whether an earlier request with the same idempotency key made it."""

    order: Order
    replayed: bool


def new_order_number() -> str:
    """Return a random order number of 50 bits: short enough to read aloud, too random to guess."""
    return "ORD-" + "".join(secrets.choice(CROCKFORD_BASE32) for _ in range(10))


def check_out(
    session: Session,
    user: Customer,
    address_id: int,
    idempotency_key: str,
    new_order_number: Callable[[], str] = new_order_number,
) -> Checkout:
    """Turn the user's cart into an order and return it. The same ``idempotency_key`` returns the same order.

    Parallel calls for one user wait for the owner's lock: the first makes the order, the others find it or an empty
    cart. Raises OwnerDeletedError, DestinationUnknownError, CartEmptyError, CartFullError, ProductsUnavailableError or
    TotalTooLargeError; then nothing has changed.
    """
    owner = store.lock_owner(session, user.id)
    earlier = store.orders.find_order_by_key(session, owner, idempotency_key)
    if earlier:
        return Checkout(_order(earlier), replayed=True)
    order_id = None
    while order_id is None:  # by chance another order may have the number
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
    return Checkout(_known(store.orders.find_order_by_id(session, order_id)), replayed=False)


def _require_placeable(placed: store.orders.PlacedOrder) -> None:
    if not placed.address_known:
        raise DestinationUnknownError
    if not placed.lines:
        raise CartEmptyError
    # A cart that was filled before the limit existed can be longer.
    if placed.is_too_long:
        raise CartFullError(MOST_LINES)
    if placed.unavailable:
        raise ProductsUnavailableError(placed.unavailable)
    if placed.is_too_large:
        raise TotalTooLargeError


def _find_recipient(user: Customer) -> str | None:
    """Return the user's name. A placeholder has none: its Clerk id must not be printed on a parcel."""
    full_name = " ".join(part for part in (user.first_name, user.last_name) if part).strip()
    return full_name or user.username or (user.email or "").partition("@")[0] or None


def list_orders(session: Session, user_id: int, *, after: OrderKey | None, limit: int) -> OrdersFound:
    """Return up to ``limit`` orders of a user after the key ``after``, newest first."""
    return _found(store.orders.list_orders(session, user_id, after=after, limit=limit + 1), limit)


def list_own_orders(clerk_id: str, *, after: OrderKey | None, limit: int) -> OrdersFound:
    """Return a page as ``list_orders`` does, fast. Unknown, deleted and banned users have no orders here."""
    return _found(store.orders.list_own_orders(clerk_id, after=after, limit=limit + 1), limit)


def _found(rows: Sequence[store.orders.OrderRow], limit: int) -> OrdersFound:
    found = [_order(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return OrdersFound(found, None)
    id_, created_at, *_ = rows[limit - 1]
    return OrdersFound(found, OrderKey.of(created_at, id_))


def get_order(session: Session, user_id: int, number: str) -> Order:
    """Return one of the user's orders; raise OrderUnknownError, also for another user's order."""
    return _known(store.orders.find_order_by_number(session, user_id, number))


def move_order(session: Session, number: str, status: OrderStatus) -> Order:
    """Set the status of any user's order and return it. Setting the status that it already has changes nothing.

    Raises OrderUnknownError or InvalidTransitionError.
    """
    moved = store.orders.move_order(session, number, status, ALLOWED_FROM[status])
    if moved is None:
        raise OrderUnknownError
    if not moved.done and moved.old_status != status:
        raise InvalidTransitionError(moved.old_status, status)
    return _known(store.orders.find_order_by_id(session, moved.order_id))


def _known(row: store.orders.OrderRow | None) -> Order:
    if row is None:
        raise OrderUnknownError
    return _order(row)


_decode_lines = Decoder(list[OrderLine]).decode


def _order(row: store.orders.OrderRow) -> Order:
    _, created_at, number, status, currency, total_minor, address, lines = row
    return Order(
        number, OrderStatus(status), currency, total_minor, Raw(address), created_at, items=_decode_lines(lines)
    )
