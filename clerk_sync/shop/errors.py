"""Everything that the business refuses; each error carries the evidence, the desk finds the words.

ShopError
├── OwnerGone             the user is deleted, or is being deleted at this moment
├── AddressUnknown        not one of this user's addresses
├── AddressBookFull       as many addresses as a user may have
├── DestinationUnknown    an order is to go to what is not one of this user's addresses
├── ProductUnknown        nothing of that name is on sale
├── CurrencyMismatch      the cart holds another currency
├── CartFull              as many lines as a cart may have
├── CartEmpty             nothing to check out
├── TotalTooLarge         the cart costs more than an order can hold
├── ProductsUnavailable   in the cart, but no longer on sale
├── OrderUnknown          not one of this user's orders, or of anybody's
├── InvalidTransition     an order's status does not change that way
└── CatalogueInvalid      a catalogue file with rows that cannot be loaded
"""

from __future__ import annotations

from collections.abc import Sequence


class ShopError(Exception):
    """The root of this room's errors."""


class OwnerDeletedError(ShopError):
    """Nothing can be owned by a deleted user."""


class AddressUnknownError(ShopError):
    """The user has no such address."""


class AddressBookFullError(ShopError):
    """The user has as many addresses as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} addresses are the most")
        self.limit = limit


class DestinationUnknownError(ShopError):
    """An order can only go to an address of the user who orders."""


class ProductUnknownError(ShopError):
    """No active product has this sku."""


class CurrencyMismatchError(ShopError):
    """A product in one currency does not go into a cart of another."""

    def __init__(self, cart_currency: str, product_currency: str) -> None:
        super().__init__(f"{product_currency} into a cart in {cart_currency}")
        self.cart_currency = cart_currency
        self.product_currency = product_currency


class CartFullError(ShopError):
    """The cart has as many lines as one may have, or more."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} lines are the most")
        self.limit = limit


class CartEmptyError(ShopError):
    """There is nothing to check out."""


class TotalTooLargeError(ShopError):
    """The total of the cart does not fit into an order: prices of products were set past the catalogue's limit."""


class ProductsUnavailableError(ShopError):
    """Some lines of the cart cannot be bought any more."""

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
    """A catalogue of which nothing was loaded; ``problems`` names every bad row by its place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
