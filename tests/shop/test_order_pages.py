"""Pages of a user's orders: each order once, newest first, only the user's own."""

from __future__ import annotations

import pytest

from clerk_sync.db.pool import ConnectionPool
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address
from clerk_sync.shop.cart import set_quantity
from clerk_sync.shop.errors import OrderUnknownError
from clerk_sync.shop.orders import Order, OrderKey, check_out, get_order, list_orders
from tests.shop.conftest import Query, Work


@pytest.fixture
def seven_orders(grace: LocalUser, query: Query) -> list[str]:
    """Numbers of seven orders without lines, newest first. Some have the same microsecond."""
    rows = query(
        """INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key, created_at)
           SELECT 'N' || n, %s, 'EUR', n, '{}', n, timestamptz '2026-01-01 00:00:00.123456Z' + n / 3 * interval '1 us'
           FROM generate_series(1, 7) AS n RETURNING number""",
        grace.id,
    )
    return [number for (number,) in reversed(rows)]


def read_pages(statements: ConnectionPool, user: LocalUser, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    key: OrderKey | None = None
    while not pages or key:
        found, key = list_orders(statements, user.id, after=key, limit=limit)
        pages.append([order.number for order in found])
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_show_every_order_once_newest_first(
    statements: ConnectionPool, grace: LocalUser, seven_orders: list[str], limit: int
) -> None:
    pages = read_pages(statements, grace, limit)
    assert [number for page in pages for number in page] == seven_orders
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_an_order_made_meanwhile_does_not_move_the_next_page(
    statements: ConnectionPool, work: Work, grace: LocalUser, seven_orders: list[str], full_cart: None, address: Address
) -> None:
    _, key = list_orders(statements, grace.id, after=None, limit=3)
    work(check_out, grace, address.id, "meanwhile")
    found, _ = list_orders(statements, grace.id, after=key, limit=3)
    assert [order.number for order in found] == seven_orders[3:6]


def test_a_page_holds_the_lines_of_each_order(
    statements: ConnectionPool, work: Work, grace: LocalUser, order: Order, address: Address
) -> None:
    work(set_quantity, grace.id, "CUP", 9)
    second, _ = work(check_out, grace, address.id, "second")
    assert list_orders(statements, grace.id, after=None, limit=20) == ([second, order], None)


def test_another_users_order_does_not_exist(
    statements: ConnectionPool, work: Work, ada: LocalUser, order: Order
) -> None:
    with pytest.raises(OrderUnknownError):
        work(get_order, ada.id, order.number)
    assert list_orders(statements, ada.id, after=None, limit=10) == ([], None)
