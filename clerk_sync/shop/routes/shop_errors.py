"""The problem details of the shop's errors. This is the only module that translates them to HTTP."""

from __future__ import annotations

from flask import Flask
from werkzeug.wrappers import Response

from clerk_sync import Problem
from clerk_sync.shop.errors import (
    AddressBookFullError,
    AddressUnknownError,
    CartEmptyError,
    CartFullError,
    CurrencyMismatchError,
    DestinationUnknownError,
    InvalidTransitionError,
    OrderUnknownError,
    OwnerDeletedError,
    ProductsUnavailableError,
    ProductUnknownError,
    ShopError,
    TotalTooLargeError,
)

# Status, code, and the detail as a template for the error's attributes.
_ANSWERS: dict[type[ShopError], tuple[int, str, str]] = {
    OwnerDeletedError: (403, "user-deleted", "This account has been deleted."),
    AddressUnknownError: (404, "address-unknown", "You have no such address."),
    ProductUnknownError: (404, "product-unknown", "No product on sale has this sku."),
    OrderUnknownError: (404, "order-unknown", "There is no such order."),
    AddressBookFullError: (409, "too-many-addresses", "You have {0.limit} addresses; remove one first."),
    CurrencyMismatchError: (
        409,
        "currency-mismatch",
        "The cart is in {0.cart_currency}; this product is sold in {0.product_currency}.",
    ),
    CartFullError: (409, "cart-full", "A cart has at most {0.limit} products; remove some first."),
    CartEmptyError: (409, "cart-empty", "The cart is empty."),
    ProductsUnavailableError: (409, "product-unavailable", "No longer on sale: {0}."),
    TotalTooLargeError: (409, "total-too-large", "The total of the cart is larger than an order can hold."),
    InvalidTransitionError: (409, "invalid-transition", "An order that is {0.old} cannot become {0.new}."),
    DestinationUnknownError: (422, "address-unknown", "address_id must be one of your addresses."),
}


def install(app: Flask) -> None:
    """Add a handler for every error of the shop to ``app``."""
    for kind in _ANSWERS:
        app.register_error_handler(kind, _answer)


def _answer(error: ShopError) -> Response:
    status, code, detail = _ANSWERS[type(error)]
    return Problem(status, code, detail.format(error)).get_response()
