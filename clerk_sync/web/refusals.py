"""What the shop refuses, in the words of HTTP: the one place where its errors become problems."""

from __future__ import annotations

from flask import Flask, Response

from clerk_sync.shop.errors import (
    AddressBookFull,
    AddressUnknown,
    CartEmpty,
    CurrencyMismatch,
    DestinationUnknown,
    InvalidTransition,
    OrderUnknown,
    OwnerGone,
    ProductsUnavailable,
    ProductUnknown,
    ShopError,
)
from clerk_sync.web.errors import Problem, problem_response


def install(app: Flask) -> None:
    """Answer every error of the shop that leaves a view of ``app``."""
    app.register_error_handler(ShopError, _answer)


def _answer(error: ShopError) -> Response:
    return problem_response(_problem_of(error))


def _problem_of(error: ShopError) -> Problem:
    match error:
        case OwnerGone():
            return Problem(403, "user-deleted", "This account has been deleted.")
        case AddressUnknown():
            return Problem(404, "address-unknown", "You have no such address.")
        case ProductUnknown():
            return Problem(404, "product-unknown", "No product on sale has this sku.")
        case OrderUnknown():
            return Problem(404, "order-unknown", "There is no such order.")
        case DestinationUnknown():
            return Problem(422, "address-unknown", "address_id has to be one of your addresses.")
        case _:
            return _conflict(error)


def _conflict(error: ShopError) -> Problem:
    match error:
        case AddressBookFull(limit=limit):
            return Problem(409, "too-many-addresses", f"You have {limit} addresses; remove one first.")
        case CurrencyMismatch(cart_currency=cart, product_currency=product):
            return Problem(409, "currency-mismatch", f"The cart is in {cart}; this product is sold in {product}.")
        case CartEmpty():
            return Problem(409, "cart-empty", "There is nothing in the cart.")
        case ProductsUnavailable(skus=skus):
            return Problem(409, "product-unavailable", f"Not on sale any more: {', '.join(skus)}.")
        case InvalidTransition(old=old, new=new):
            return Problem(409, "invalid-transition", f"A {old} order cannot become {new}.")
    raise error
