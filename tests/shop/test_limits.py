"""Limits of a cart: no quantity or price makes a total that cannot be stored."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address
from clerk_sync.shop.cart import read_cart, remove_item, set_quantity
from clerk_sync.shop.catalogue import ProductEntry, load_products
from clerk_sync.shop.catalogue_import import read_catalogue
from clerk_sync.shop.errors import CartFullError, CatalogueInvalidError, TotalTooLargeError
from clerk_sync.shop.fields import HIGHEST_PRICE_MINOR, LARGEST_TOTAL_MINOR, MOST_LINES, MOST_PIECES
from clerk_sync.shop.orders import check_out
from tests.shop.conftest import Sell, Work

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def crowded(work: Work, grace: LocalUser) -> Callable[..., None]:
    """Insert many products, and insert them into Grace's cart by SQL, without the limits of the functions."""

    def fill(lines: int, price_minor: int = HIGHEST_PRICE_MINOR, quantity: int = MOST_PIECES) -> None:
        entries = [ProductEntry(f"SKU-{number:05}", "Thing", price_minor, "EUR") for number in range(lines)]
        work(load_products, entries)
        work(set_quantity, grace.id, "SKU-00000", quantity)
        values = {"user_id": grace.id, "quantity": quantity}
        work(lambda session: session.connection().exec_driver_sql(_FILL, values))

    return fill


_FILL = """
INSERT INTO cart_items (cart_id, product_id, user_id, quantity)
SELECT carts.id, products.id, carts.user_id, %(quantity)s FROM carts, products WHERE carts.user_id = %(user_id)s
ON CONFLICT DO NOTHING
"""


@pytest.fixture
def without_highest_price(query: Query) -> Iterator[None]:
    """A database in which prices have no limit, as before the constraint."""
    [(constraint,)] = query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_products_price_minor'"
    )
    query("ALTER TABLE products DROP CONSTRAINT ck_products_price_minor")
    yield
    query("TRUNCATE products CASCADE")
    query(f"ALTER TABLE products ADD CONSTRAINT ck_products_price_minor {constraint}")


def test_a_full_cart_at_the_highest_price_can_be_bought(
    work: Work, grace: LocalUser, address: Address, crowded: Callable[..., None]
) -> None:
    crowded(MOST_LINES)
    total = MOST_LINES * MOST_PIECES * HIGHEST_PRICE_MINOR
    assert total <= LARGEST_TOTAL_MINOR
    assert work(read_cart, grace.id).total_minor == total
    assert work(check_out, grace, address.id, "key").order.total_minor == total


def test_one_line_more_than_a_cart_holds_is_refused(
    work: Work, refused: Callable[..., Any], grace: LocalUser, crowded: Callable[..., None], sell: Sell
) -> None:
    crowded(MOST_LINES, 100, 1)
    assert refused(CartFullError, set_quantity, grace.id, sell("ONE-MORE"), 1).limit == MOST_LINES
    assert len(work(set_quantity, grace.id, "SKU-00007", 3).items) == MOST_LINES
    work(remove_item, grace.id, "SKU-00007")
    assert len(work(set_quantity, grace.id, "ONE-MORE", 1).items) == MOST_LINES


def test_lines_that_arrive_at_once_do_not_pass_the_limit_together(
    work: Work, grace: LocalUser, crowded: Callable[..., None], sell: Sell, together: Callable[..., list[Any]]
) -> None:
    crowded(MOST_LINES - 1, 100, 1)
    skus = [sell(f"LATE-{number}") for number in range(4)]
    results = together(*(lambda sku=sku: work(set_quantity, grace.id, sku, 1) for sku in skus))
    assert sorted(type(result).__name__ for result in results) == ["Cart", *["CartFullError"] * 3]
    assert len(work(read_cart, grace.id).items) == MOST_LINES


@pytest.mark.parametrize("lines", [MOST_LINES + 1, 10_500])
def test_a_cart_from_before_the_limit_is_shown_and_not_bought(
    work: Work,
    refused: Callable[..., Any],
    grace: LocalUser,
    address: Address,
    crowded: Callable[..., None],
    query: Query,
    lines: int,
) -> None:
    crowded(lines)
    cart = work(read_cart, grace.id)
    assert (len(cart.items), cart.total_minor) == (lines, lines * MOST_PIECES * HIGHEST_PRICE_MINOR)
    refused(CartFullError, check_out, grace, address.id, "key")
    assert query("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM cart_items)") == [(0, lines)]


@pytest.mark.usefixtures("without_highest_price")
@pytest.mark.parametrize("price_minor", [LARGEST_TOTAL_MINOR, LARGEST_TOTAL_MINOR // MOST_PIECES + 1])
def test_a_total_that_no_order_holds_is_refused(
    work: Work, refused: Callable[..., Any], grace: LocalUser, address: Address, sell: Sell, price_minor: int
) -> None:
    work(set_quantity, grace.id, sell("GOLD", price_minor), MOST_PIECES)
    assert work(read_cart, grace.id).total_minor == MOST_PIECES * price_minor
    refused(TotalTooLargeError, check_out, grace, address.id, "key")


@pytest.mark.usefixtures("without_highest_price")
def test_the_largest_total_that_an_order_holds_is_accepted(
    work: Work, grace: LocalUser, address: Address, sell: Sell
) -> None:
    work(set_quantity, grace.id, sell("GOLD", LARGEST_TOTAL_MINOR), 1)
    assert work(check_out, grace, address.id, "key").order.total_minor == LARGEST_TOTAL_MINOR


@pytest.mark.parametrize("price_minor", [-1, HIGHEST_PRICE_MINOR + 1, 2**53, 2**63 - 1])
def test_the_database_refuses_a_price_beyond_the_limit(sell: Sell, query: Query, price_minor: int) -> None:
    sell("TEA", HIGHEST_PRICE_MINOR)
    with pytest.raises(psycopg2.errors.CheckViolation):
        query("UPDATE products SET price_minor = %s", price_minor)
    with pytest.raises(psycopg2.errors.CheckViolation):
        query("INSERT INTO products (sku, name, price_minor, currency) VALUES ('X', 'X', %s, 'EUR')", price_minor)


@pytest.mark.parametrize(
    "price", ["-1", str(HIGHEST_PRICE_MINOR + 1), str(2**63), str(2**64), "9" * 400, "1e13", "1.5", "NaN", "٣"]
)
def test_a_file_with_another_price_is_not_loaded(price: str) -> None:
    table = f"sku,name,price_minor,currency\nTEA,Tea,{price},EUR\n"
    array = f'[{{"sku": "TEA", "name": "Tea", "price_minor": {price}, "currency": "EUR"}}]'
    for text, name in ((table, "x.csv"), (array, "x.json")):
        with pytest.raises(CatalogueInvalidError):
            list(read_catalogue(io.BytesIO(text.encode()), name, loads=json.loads))
