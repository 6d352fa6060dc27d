"""The open cart of a user: quantities of products, in one currency, at the current prices of the catalogue."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy.orm import Session

from clerk_sync.shop import store
from clerk_sync.shop.errors import CartFullError, CurrencyMismatchError, ProductUnknownError
from clerk_sync.shop.fields import MOST_LINES, Currency


class CartLine(Struct):
    """A product and its quantity. It is not ``available`` if it is off sale or its currency is not the cart's."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    currency: Currency
    available: bool


class Cart(Struct):
    """A cart. The total counts the available lines. An empty cart has no currency."""

    items: list[CartLine]
    currency: Currency | None
    total_minor: int


def read_cart(session: Session, user_id: int) -> Cart:
    """Return the user's cart."""
    lines = [CartLine(*row) for row in store.carts.list_cart_lines(session, user_id)]
    return Cart(
        items=lines,
        currency=lines[0].currency if lines else None,
        total_minor=sum(line.quantity * line.unit_price_minor for line in lines if line.available),
    )


def set_quantity(session: Session, user_id: int, sku: str, quantity: int) -> Cart:
    """Set the quantity of ``sku`` and return the cart.

    Raises OwnerDeletedError, ProductUnknownError, CartFullError or CurrencyMismatchError.
    """
    owner = store.lock_owner(session, user_id)
    put = store.carts.put_cart_item(session, owner, sku, quantity, most_lines=MOST_LINES)
    if put is None:
        raise ProductUnknownError
    if put.other_currency is not None:
        raise CurrencyMismatchError(put.other_currency, put.currency)
    if put.is_full:
        raise CartFullError(MOST_LINES)
    return read_cart(session, user_id)


def remove_item(session: Session, user_id: int, sku: str) -> Cart:
    """Remove ``sku`` if the cart contains it, and return the cart."""
    store.carts.delete_cart_item(session, user_id, sku)
    return read_cart(session, user_id)
