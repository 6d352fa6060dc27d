"""Errors of the shop. ``routes/shop_errors`` translates them to HTTP.

ShopError
├── OwnerDeletedError          the user is deleted, or is being deleted
├── AddressUnknownError        the user has no such address
├── AddressBookFullError       the user has the most addresses allowed
├── DestinationUnknownError    an order's address is not an address of the user
├── ProductUnknownError        no product on sale has this sku
├── CurrencyMismatchError      the product's currency is not the cart's
├── CartFullError              the cart has the most lines allowed
├── CartEmptyError             the cart has no lines to check out
├── TotalTooLargeError         the total does not fit into an order
├── ProductsUnavailableError   products in the cart are no longer on sale
├── OrderUnknownError          there is no such order, or it is another user's
├── InvalidTransitionError     the order's status cannot change this way
└── CatalogueInvalidError      a catalogue file with invalid rows
"""

from __future__ import annotations

from collections.abc import Sequence


class ShopError(Exception):
    """The base class."""


class OwnerDeletedError(ShopError):
    """A deleted user cannot own rows."""


class AddressUnknownError(ShopError):
    """The user has no such address."""


class AddressBookFullError(ShopError):
    """The user has ``limit`` addresses, the most allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} addresses")
        self.limit = limit


class DestinationUnknownError(ShopError):
    """An order must go to an address of its user."""


class ProductUnknownError(ShopError):
    """No active product has this sku."""


class CurrencyMismatchError(ShopError):
    """All products in a cart must have one currency."""

    def __init__(self, cart_currency: str, product_currency: str) -> None:
        super().__init__(f"product in {product_currency}, cart in {cart_currency}")
        self.cart_currency = cart_currency
        self.product_currency = product_currency


class CartFullError(ShopError):
    """The cart has ``limit`` lines or more."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} lines")
        self.limit = limit


class CartEmptyError(ShopError):
    """The cart is empty."""


class TotalTooLargeError(ShopError):
    """The cart's total does not fit into an order: a price in the database exceeds the catalogue's limit."""


class ProductsUnavailableError(ShopError):
    """Products in the cart are no longer on sale."""

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(", ".join(skus))
        self.skus = skus


class OrderUnknownError(ShopError):
    """There is no such order, or it is another user's."""


class InvalidTransitionError(ShopError):
    """An order's status cannot change from ``old`` to ``new``."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"{old} to {new}")
        self.old = old
        self.new = new


class CatalogueInvalidError(ShopError):
    """An invalid catalogue file. Nothing was loaded. ``problems`` names each invalid row."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
