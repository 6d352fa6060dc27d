"""Orders: made once, at the prices of the day; read in pages; moved along one road only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from clerk_sync.mirror.accounts import LocalUser
from clerk_sync.mirror.store import bury_users
from clerk_sync.shop.addresses import Address, AddressChanges, NewAddress, add_address, change_address
from clerk_sync.shop.cart import read_cart, set_quantity
from clerk_sync.shop.errors import (
    CartEmpty,
    DestinationUnknown,
    InvalidTransition,
    OrderUnknown,
    OwnerGone,
    ProductsUnavailable,
)
from clerk_sync.shop.orders import (
    COMES_FROM,
    Order,
    OrderKey,
    OrderLine,
    OrderStatus,
    check_out,
    draw_number,
    get_order,
    list_orders,
    move_order,
)
from clerk_sync.statements import Statements
from tests.shop.conftest import GRACE, Overtaken, Sell, Work

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def order(work: Work, grace: LocalUser, full_cart: None, address: Address) -> Order:
    """Grace's only order, pending."""
    return work(check_out, grace, address.id, "first").order


def destination(order: Order) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(bytes(order.shipping_address))
    return parsed


def test_checkout_turns_the_cart_into_an_order(work: Work, grace: LocalUser, order: Order) -> None:
    assert (order.status, order.currency, order.total_minor) == ("pending", "EUR", 4980)
    assert order.items == [OrderLine("TEA", "Tea", 2, 1290), OrderLine("CUP", "Cup", 1, 2400)]
    assert work(read_cart, grace.id).items == []
    assert work(get_order, grace.id, order.number) == order


def test_an_order_keeps_the_prices_of_its_day(work: Work, grace: LocalUser, order: Order, sell: Sell) -> None:
    sell("TEA", 9999, active=False)
    assert work(get_order, grace.id, order.number) == order


def test_an_order_keeps_the_address_of_its_day(work: Work, grace: LocalUser, order: Order, address: Address) -> None:
    work(change_address, grace.id, address.id, AddressChanges(city="Cork"))
    assert destination(work(get_order, grace.id, order.number)) == {
        "name": grace.name,
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
    assert sorted(type(result).__name__ for result in results) == [*[CartEmpty.__name__] * 5, "Checkout"]
    assert query("SELECT count(*), sum(total_minor) FROM orders") == [(1, 4980)]


def test_parallel_checkouts_with_one_key_all_get_the_one_order(
    work: Work, grace: LocalUser, full_cart: None, address: Address, together: Callable[..., list[Any]], query: Query
) -> None:
    results = together(*[lambda: work(check_out, grace, address.id, "key")] * 6)
    assert sorted(replayed for _, replayed in results) == [False, *[True] * 5]
    assert len({made.number for made, _ in results}) == 1
    assert query("SELECT count(*) FROM order_items") == [(2,)]


def test_an_empty_cart_cannot_be_checked_out(work: Work, grace: LocalUser, address: Address) -> None:
    with pytest.raises(CartEmpty):
        work(check_out, grace, address.id, "key")


def test_an_order_does_not_go_to_another_users_address(
    work: Work, refused: Callable[..., Any], grace: LocalUser, ada: LocalUser, full_cart: None, query: Query
) -> None:
    hers = work(add_address, ada.id, NewAddress("3 Harbour Road", "Galway", "IE"))
    for address_id in (hers.id, 12345):
        refused(DestinationUnknown, check_out, grace, address_id, "key")
    assert len(work(read_cart, grace.id).items) == 2
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_what_went_off_sale_stops_the_checkout_and_nothing_is_lost(
    work: Work,
    refused: Callable[..., Any],
    grace: LocalUser,
    full_cart: None,
    address: Address,
    sell: Sell,
    query: Query,
) -> None:
    sell("TEA", active=False)
    assert refused(ProductsUnavailable, check_out, grace, address.id, "key").skus == ["TEA"]
    assert len(work(read_cart, grace.id).items) == 2
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_a_number_that_is_taken_is_drawn_again(work: Work, grace: LocalUser, order: Order, address: Address) -> None:
    work(set_quantity, grace.id, "CUP", 1)
    numbers = iter([order.number, order.number, "ORD-FREE"])
    made, _ = work(check_out, grace, address.id, "second", lambda: next(numbers))
    assert made.number == "ORD-FREE"
    assert [line.sku for line in made.items] == ["CUP"]


def test_numbers_can_be_read_aloud() -> None:
    assert all(re.fullmatch("ORD-[0-9A-HJKMNP-TV-Z]{10}", draw_number()) for _ in range(100))


def test_another_users_order_does_not_exist(statements: Statements, work: Work, ada: LocalUser, order: Order) -> None:
    with pytest.raises(OrderUnknown):
        work(get_order, ada.id, order.number)
    assert list_orders(statements, ada.id, after=None, limit=10) == ([], None)


def test_a_checkout_that_waits_for_the_deletion_is_refused(
    work: Work, grace: LocalUser, full_cart: None, address: Address, overtaken: Overtaken, query: Query
) -> None:
    with pytest.raises(OwnerGone):
        overtaken(lambda session: bury_users(session, [GRACE]), lambda: work(check_out, grace, address.id, "key"))
    assert query("SELECT count(*) FROM orders") == [(0,)]


def test_an_order_that_was_first_outlives_its_user(
    work: Work, grace: LocalUser, full_cart: None, address: Address, overtaken: Overtaken, query: Query
) -> None:
    overtaken(lambda session: check_out(session, grace, address.id, "key"), lambda: work(bury_users, [GRACE]))
    assert query("SELECT total_minor, shipping_address ->> 'city' FROM orders") == [(4980, "Galway")]
    assert query("SELECT (SELECT count(*) FROM addresses), (SELECT count(*) FROM carts)") == [(0, 0)]


@pytest.fixture
def seven_orders(grace: LocalUser, query: Query) -> list[str]:
    """Numbers of seven orders without lines, newest first; some of one microsecond."""
    rows = query(
        """INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key, created_at)
           SELECT 'N' || n, %s, 'EUR', n, '{}', n, timestamptz '2026-01-01 00:00:00.123456Z' + n / 3 * interval '1 us'
           FROM generate_series(1, 7) AS n RETURNING number""",
        grace.id,
    )
    return [number for (number,) in reversed(rows)]


def walk(statements: Statements, user: LocalUser, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    key: OrderKey | None = None
    while not pages or key:
        found, key = list_orders(statements, user.id, after=key, limit=limit)
        pages.append([order.number for order in found])
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_show_every_order_once_newest_first(
    statements: Statements, grace: LocalUser, seven_orders: list[str], limit: int
) -> None:
    pages = walk(statements, grace, limit)
    assert [number for page in pages for number in page] == seven_orders
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_an_order_made_meanwhile_does_not_move_the_next_page(
    statements: Statements, work: Work, grace: LocalUser, seven_orders: list[str], full_cart: None, address: Address
) -> None:
    _, key = list_orders(statements, grace.id, after=None, limit=3)
    work(check_out, grace, address.id, "meanwhile")
    found, _ = list_orders(statements, grace.id, after=key, limit=3)
    assert [order.number for order in found] == seven_orders[3:6]


def test_a_page_holds_the_lines_of_each_order(
    statements: Statements, work: Work, grace: LocalUser, order: Order, address: Address
) -> None:
    work(set_quantity, grace.id, "CUP", 9)
    second, _ = work(check_out, grace, address.id, "second")
    assert list_orders(statements, grace.id, after=None, limit=20) == ([second, order], None)


@pytest.mark.parametrize(("old", "new"), [*product(OrderStatus, OrderStatus)])
def test_an_order_moves_along_its_road_only(
    work: Work, order: Order, query: Query, old: OrderStatus, new: OrderStatus
) -> None:
    query("UPDATE orders SET status = %s", old)
    if new == old or old in COMES_FROM[new]:
        assert work(move_order, order.number, new).status == new
    else:
        with pytest.raises(InvalidTransition) as raised:
            work(move_order, order.number, new)
        assert (raised.value.old, raised.value.new) == (old, new)
    assert query("SELECT status FROM orders") == [(new if old in COMES_FROM[new] else old,)]


def test_the_road_of_an_order() -> None:
    assert {(old, new) for new, olds in COMES_FROM.items() for old in olds} == {
        ("pending", "paid"),
        ("paid", "shipped"),
        ("shipped", "delivered"),
        ("pending", "cancelled"),
        ("paid", "cancelled"),
    }


def test_an_order_that_nobody_made_does_not_move(work: Work) -> None:
    with pytest.raises(OrderUnknown):
        work(move_order, "ORD-NEVER", OrderStatus.PAID)


def test_an_order_that_ships_meanwhile_is_not_cancelled(
    work: Work, order: Order, overtaken: Overtaken, query: Query
) -> None:
    work(move_order, order.number, OrderStatus.PAID)
    with pytest.raises(InvalidTransition) as raised:
        overtaken(
            lambda session: move_order(session, order.number, OrderStatus.SHIPPED),
            lambda: work(move_order, order.number, OrderStatus.CANCELLED),
        )
    assert raised.value.old == "shipped"
    assert query("SELECT status FROM orders") == [("shipped",)]
