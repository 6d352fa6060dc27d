"""The cart: quantities are set, not added; prices come from the catalogue; one currency; deleted with its user."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import pytest

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address
from clerk_sync.shop.cart import Cart, CartLine, read_cart, remove_item, set_quantity
from clerk_sync.shop.errors import CartEmptyError, CurrencyMismatchError, OwnerDeletedError, ProductUnknownError
from clerk_sync.shop.orders import check_out
from tests.shop.conftest import GRACE, Overtaken, Sell, Work, delete_user

Query = Callable[..., list[tuple[Any, ...]]]

EMPTY = Cart(items=[], currency=None, total_minor=0)


def test_a_cart_that_was_never_opened_is_empty(work: Work, grace: LocalUser) -> None:
    assert work(read_cart, grace.id) == EMPTY


def test_a_cart_adds_up_at_the_catalogues_prices(work: Work, grace: LocalUser, sell: Sell) -> None:
    work(set_quantity, grace.id, sell("TEA", 1290), 2)
    cart = work(set_quantity, grace.id, sell("CUP", 2400), 1)
    assert cart == Cart(
        items=[CartLine("TEA", "Tea", 2, 1290, "EUR", True), CartLine("CUP", "Cup", 1, 2400, "EUR", True)],
        currency="EUR",
        total_minor=4980,
    )
    sell("TEA", 1300)
    assert work(read_cart, grace.id).total_minor == 5000


def test_a_quantity_is_set_and_keeps_its_place(work: Work, grace: LocalUser, full_cart: None) -> None:
    cart = work(set_quantity, grace.id, "TEA", 5)
    assert [(line.sku, line.quantity) for line in cart.items] == [("TEA", 5), ("CUP", 1)]


def test_a_product_off_sale_cannot_be_added(work: Work, grace: LocalUser, sell: Sell) -> None:
    sell("OLD", active=False)
    for sku in ("OLD", "NEVER-HEARD-OF"):
        with pytest.raises(ProductUnknownError):
            work(set_quantity, grace.id, sku, 1)
    assert work(read_cart, grace.id) == EMPTY


def test_a_second_currency_is_refused(
    work: Work, refused: Callable[..., Any], grace: LocalUser, full_cart: None, sell: Sell
) -> None:
    before = work(read_cart, grace.id)
    error = refused(CurrencyMismatchError, set_quantity, grace.id, sell("HAT", 3000, "USD"), 1)
    assert (error.cart_currency, error.product_currency) == ("EUR", "USD")
    assert work(read_cart, grace.id) == before


def test_an_emptied_cart_takes_any_currency(work: Work, grace: LocalUser, sell: Sell) -> None:
    work(set_quantity, grace.id, sell("TEA"), 1)
    assert work(remove_item, grace.id, "TEA") == EMPTY
    assert work(set_quantity, grace.id, sell("HAT", 3000, "USD"), 1).currency == "USD"


def test_two_currencies_at_once_do_not_both_enter_an_empty_cart(
    work: Work, grace: LocalUser, sell: Sell, together: Callable[..., list[Any]]
) -> None:
    skus = [sell("TEA", currency="EUR"), sell("HAT", currency="USD")]
    for _ in range(5):
        results = together(*(lambda sku=sku: work(set_quantity, grace.id, sku, 1) for sku in skus))
        assert sorted(type(result).__name__ for result in results) == ["Cart", CurrencyMismatchError.__name__]
        for sku in skus:
            work(remove_item, grace.id, sku)


def test_removing_what_is_not_there_changes_nothing(work: Work, grace: LocalUser, full_cart: None) -> None:
    once = work(remove_item, grace.id, "TEA")
    assert [line.sku for line in once.items] == ["CUP"]
    assert work(remove_item, grace.id, "TEA") == once
    assert work(remove_item, grace.id, "NEVER-HEARD-OF") == once


def test_carts_are_each_users_own(work: Work, grace: LocalUser, ada: LocalUser, full_cart: None) -> None:
    assert work(read_cart, ada.id) == EMPTY
    assert work(remove_item, ada.id, "TEA") == EMPTY
    assert len(work(read_cart, grace.id).items) == 2


def test_a_line_off_sale_is_shown_but_not_counted(work: Work, grace: LocalUser, full_cart: None, sell: Sell) -> None:
    sell("TEA", active=False)
    cart = work(read_cart, grace.id)
    assert [(line.sku, line.available) for line in cart.items] == [("TEA", False), ("CUP", True)]
    assert cart.total_minor == 2400


def test_a_line_in_another_currency_is_not_added_to_the_total(
    work: Work, grace: LocalUser, full_cart: None, sell: Sell
) -> None:
    sell("CUP", 2600, "USD")
    cart = work(read_cart, grace.id)
    assert [(line.sku, line.available) for line in cart.items] == [("TEA", True), ("CUP", False)]
    assert (cart.currency, cart.total_minor) == ("EUR", 2580)


def test_a_deleted_user_gets_no_cart(work: Work, grace: LocalUser, sell: Sell) -> None:
    work(delete_user, GRACE)
    with pytest.raises(OwnerDeletedError):
        work(set_quantity, grace.id, sell(), 1)


def test_an_item_that_waits_for_the_deletion_is_refused(
    work: Work, grace: LocalUser, sell: Sell, overtaken: Overtaken, query: Query
) -> None:
    sku = sell()
    with pytest.raises(OwnerDeletedError):
        overtaken(lambda session: delete_user(session, GRACE), lambda: work(set_quantity, grace.id, sku, 1))
    assert query("SELECT (SELECT count(*) FROM carts), (SELECT count(*) FROM cart_items)") == [(0, 0)]


def test_an_item_that_was_first_goes_with_its_user(
    work: Work, grace: LocalUser, sell: Sell, overtaken: Overtaken, query: Query
) -> None:
    sku = sell()
    overtaken(lambda session: set_quantity(session, grace.id, sku, 1), lambda: work(delete_user, GRACE))
    assert query("SELECT (SELECT count(*) FROM carts), (SELECT count(*) FROM cart_items)") == [(0, 0)]


def test_many_writes_of_one_user_at_once_do_not_deadlock(
    work: Work, grace: LocalUser, sell: Sell, address: Address, together: Callable[..., list[Any]]
) -> None:
    skus = [sell(f"SKU-{number}") for number in range(4)]

    def write(seed: int) -> None:
        for step, sku in enumerate(islice(cycle(skus), seed, seed + 8)):
            work(set_quantity, grace.id, sku, step + 1)
            work(remove_item, grace.id, skus[(seed + step) % 3])
            try:
                work(check_out, grace, address.id, f"{seed}-{step}")
            except CartEmptyError:
                continue

    assert together(*(lambda seed=seed: write(seed) for seed in range(4))) == [None] * 4
