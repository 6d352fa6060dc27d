"""Pages of a user's orders: each order once, newest first, only the user's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg2
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.addresses import Address
from clerk_sync.shop.cart import set_quantity
from clerk_sync.shop.db import db
from clerk_sync.shop.errors import OrderUnknownError
from clerk_sync.shop.orders import Order, OrderKey, OrdersFound, check_out, get_order, list_orders, list_own_orders
from tests.shop.conftest import GRACE, Query, Work


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


ListPage = Callable[..., OrdersFound]


@pytest.fixture(params=["in a session", "prepared"])
def list_page(request: pytest.FixtureRequest, work: Work) -> ListPage:
    """Both ways to read a page: any user's in a session, and the own one with a prepared query."""
    if request.param == "prepared":
        return lambda user, **page: work(lambda _: list_own_orders(user.clerk_id, **page))
    return lambda user, **page: work(list_orders, user.id, **page)


def read_pages(list_page: ListPage, user: LocalUser, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    key: OrderKey | None = None
    while not pages or key:
        found, key = list_page(user, after=key, limit=limit)
        pages.append([order.number for order in found])
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_show_every_order_once_newest_first(
    list_page: ListPage, grace: LocalUser, seven_orders: list[str], limit: int
) -> None:
    pages = read_pages(list_page, grace, limit)
    assert [number for page in pages for number in page] == seven_orders
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_an_order_made_meanwhile_does_not_move_the_next_page(
    list_page: ListPage, work: Work, grace: LocalUser, seven_orders: list[str], full_cart: None, address: Address
) -> None:
    _, key = list_page(grace, after=None, limit=3)
    work(check_out, grace, address.id, "meanwhile")
    found, _ = list_page(grace, after=key, limit=3)
    assert [order.number for order in found] == seven_orders[3:6]


def test_a_page_holds_the_lines_of_each_order(
    list_page: ListPage, work: Work, grace: LocalUser, order: Order, address: Address
) -> None:
    work(set_quantity, grace.id, "CUP", 9)
    second, _ = work(check_out, grace, address.id, "second")
    assert list_page(grace, after=None, limit=20) == ([second, order], None)


def test_another_users_order_does_not_exist(list_page: ListPage, work: Work, ada: LocalUser, order: Order) -> None:
    with pytest.raises(OrderUnknownError):
        work(get_order, ada.id, order.number)
    assert list_page(ada, after=None, limit=10) == ([], None)


@pytest.mark.parametrize("change", ["banned = true", "deleted_at = now()"])
def test_a_banned_or_deleted_user_has_no_own_page(work: Work, order: Order, query: Query, change: str) -> None:
    assert work(lambda _: list_own_orders(GRACE, after=None, limit=10)).orders == [order]
    query(f"UPDATE users SET {change} WHERE clerk_id = %s", GRACE)
    assert work(lambda _: list_own_orders(GRACE, after=None, limit=10)) == ([], None)


OUTDATED = {
    "the session was reset": "DISCARD ALL",
    "the connection is cut": "SELECT pg_terminate_backend(pg_backend_pid())",
    "the plan has another result": "ALTER TABLE orders ALTER COLUMN total_minor TYPE numeric",
}


@pytest.mark.parametrize("statement", OUTDATED.values(), ids=OUTDATED)
def test_a_page_is_read_although_its_prepared_query_is_gone(
    work: Work, order: Order, query: Query, statement: str
) -> None:
    def own_page(_: Session) -> list[str]:
        return [order.number for order in list_own_orders(GRACE, after=None, limit=10).orders]

    def own_page_after_it_happened(session: Session) -> list[str]:
        """Spoil the connection when the pool has handed it out: the pool cannot notice."""

        left = [statement]

        def spoil(connection: Any, *_: object) -> None:
            if left:
                connection.autocommit = True
                with suppress(psycopg2.Error), connection.cursor() as cursor:
                    cursor.execute(left.pop())

        pool = db.engine.pool
        event.listen(pool, "checkout", spoil)
        try:
            return own_page(session)
        finally:
            event.remove(pool, "checkout", spoil)

    assert work(own_page) == [order.number]
    try:
        assert work(own_page_after_it_happened) == [order.number]
        assert work(own_page) == [order.number]
    finally:
        query("ALTER TABLE orders ALTER COLUMN total_minor TYPE bigint")
