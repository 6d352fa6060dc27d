"""Each checkout makes one order, with the prices and the address of that time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address, AddressChanges, NewAddress, add_address, change_address
from clerk_sync.shop.cart import read_cart, set_quantity
from clerk_sync.shop.errors import CartEmptyError, DestinationUnknownError, OwnerDeletedError, ProductsUnavailableError
from clerk_sync.shop.orders import Order, OrderLine, check_out, get_order, new_order_number
from tests.shop.conftest import GRACE, Overtaken, Query, Sell, Work, delete_user


def destination(order: Order) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(bytes(order.shipping_address))
    return parsed


def test_checkout_turns_the_cart_into_an_order(work: Work, grace: LocalUser, order: Order) -> None:
    assert (order.status, order.currency, order.total_minor) == ("pending", "EUR", 4980)
    assert order.items == [OrderLine("TEA", "Tea", 2, 1290), OrderLine("CUP", "Cup", 1, 2400)]
    assert work(read_cart, grace.id).items == []
    assert work(get_order, grace.id, order.number) == order


def test_an_order_keeps_the_prices_at_checkout(work: Work, grace: LocalUser, order: Order, sell: Sell) -> None:
    sell("TEA", 9999, active=False)
    assert work(get_order, grace.id, order.number) == order


def test_an_order_keeps_the_address_at_checkout(work: Work, grace: LocalUser, order: Order, address: Address) -> None:
    work(change_address, grace.id, address.id, AddressChanges(city="Cork"))
    assert destination(work(get_order, grace.id, order.number)) == {
        "name": None,
        "line1": "1 Harbour Road",
        "line2": None,
        "city": "Galway",
        "region": None,
        "postal_code": None,
        "country": "IE",
        "phone": None,
    }


def test_a_parcel_goes_to_the_name_on_its_address(work: Work, grace: LocalUser, full_cart: None) -> None:
    neighbour = work(add_address, grace.id, NewAddress("2 Harbour Road", "Galway", "IE", name="Barbara"))
    assert destination(work(check_out, grace, neighbour.id, "key").order)["name"] == "Barbara"


def test_the_same_key_gives_the_same_order_and_leaves_the_new_cart_alone(
    work: Work, grace: LocalUser, order: Order
) -> None:
    new_cart = work(set_quantity, grace.id, "CUP", 3)
    assert work(check_out, grace, 0, "first") == (order, True)
    assert work(read_cart, grace.id) == new_cart


def test_a_key_belongs_to_its_user(work: Work, ada: LocalUser, order: Order) -> None:
    work(set_quantity, ada.id, "CUP", 1)
    hers = work(add_address, ada.id, NewAddress("3 Harbour Road", "Galway", "IE"))
    made, replayed = work(check_out, ada, hers.id, "first")
    assert not replayed
    assert made.number != order.number


def test_parallel_checkouts_of_one_cart_make_one_order(
    work: Work, grace: LocalUser, full_cart: None, address: Address, together: Callable[..., list[Any]], query: Query
) -> None:
    results = together(*(lambda n=n: work(check_out, grace, address.id, f"key {n}") for n in range(6)))
    assert sorted(type(result).__name__ for result in results) == [*[CartEmptyError.__name__] * 5, "Checkout"]
    assert query("SELECT count(*), sum(total_minor) FROM orders") == [(1, 4980)]


def test_parallel_checkouts_with_one_key_all_get_the_one_order(
    work: Work, grace: LocalUser, full_cart: None, address: Address, together: Callable[..., list[Any]], query: Query
) -> None:
    results = together(*[lambda: work(check_out, grace, address.id, "key")] * 6)
    assert sorted(replayed for _, replayed in results) == [False, *[True] * 5]
    assert len({made.number for made, _ in results}) == 1
    assert query("SELECT count(*) FROM order_items") == [(2,)]


def test_an_empty_cart_cannot_be_checked_out(work: Work, grace: LocalUser, address: Address) -> None:
    with pytest.raises(CartEmptyError):
        work(check_out, grace, address.id, "key")


def test_an_order_does_not_go_to_another_users_address(
    work: Work, refused: Callable[..., Any], grace: LocalUser, ada: LocalUser, full_cart: None, query: Query
) -> None:
    hers = work(add_address, ada.id, NewAddress("3 Harbour Road", "Galway", "IE"))
    for address_id in (hers.id, 12345):
        refused(DestinationUnknownError, check_out, grace, address_id, "key")
    assert len(work(read_cart, grace.id).items) == 2
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_a_product_off_sale_stops_the_checkout_and_the_cart_stays(
    work: Work,
    refused: Callable[..., Any],
    grace: LocalUser,
    full_cart: None,
    address: Address,
    sell: Sell,
    query: Query,
) -> None:
    sell("TEA", active=False)
    assert refused(ProductsUnavailableError, check_out, grace, address.id, "key").skus == ["TEA"]
    assert len(work(read_cart, grace.id).items) == 2
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_an_order_number_that_exists_is_replaced_by_another(
    work: Work, grace: LocalUser, order: Order, address: Address
) -> None:
    work(set_quantity, grace.id, "CUP", 1)
    numbers = iter([order.number, order.number, "ORD-FREE"])
    made, _ = work(check_out, grace, address.id, "second", lambda: next(numbers))
    assert made.number == "ORD-FREE"
    assert [line.sku for line in made.items] == ["CUP"]


def test_numbers_can_be_read_aloud() -> None:
    assert all(re.fullmatch("ORD-[0-9A-HJKMNP-TV-Z]{10}", new_order_number()) for _ in range(100))


def test_a_checkout_that_waits_for_the_deletion_is_refused(
    work: Work, grace: LocalUser, full_cart: None, address: Address, overtaken: Overtaken, query: Query
) -> None:
    with pytest.raises(OwnerDeletedError):
        overtaken(lambda session: delete_user(session, GRACE), lambda: work(check_out, grace, address.id, "key"))
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_an_order_that_was_first_outlives_its_user(
    work: Work, grace: LocalUser, full_cart: None, address: Address, overtaken: Overtaken, query: Query
) -> None:
    overtaken(lambda session: check_out(session, grace, address.id, "key"), lambda: work(delete_user, GRACE))
    assert query("SELECT total_minor, shipping_address ->> 'city' FROM orders") == [(4980, "Galway")]
    assert query("SELECT (SELECT count(*) FROM addresses), (SELECT count(*) FROM carts)") == [(0, 0)]
