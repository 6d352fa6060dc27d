"""The allowed changes of an order's status."""

from __future__ import annotations

from itertools import product

import pytest

from clerk_sync.shop.errors import InvalidTransitionError, OrderUnknownError
from clerk_sync.shop.orders import ALLOWED_FROM, Order, OrderStatus, move_order
from tests.shop.conftest import Overtaken, Query, Work


@pytest.mark.parametrize(("old", "new"), [*product(OrderStatus, OrderStatus)])
def test_an_order_changes_status_by_allowed_transitions_only(
    work: Work, order: Order, query: Query, old: OrderStatus, new: OrderStatus
) -> None:
    query("UPDATE orders SET status = %s", old)
    if new == old or old in ALLOWED_FROM[new]:
        assert work(move_order, order.number, new).status == new
    else:
        with pytest.raises(InvalidTransitionError) as raised:
            work(move_order, order.number, new)
        assert (raised.value.old, raised.value.new) == (old, new)
    assert query("SELECT status FROM orders") == [(new if old in ALLOWED_FROM[new] else old,)]


def test_the_allowed_transitions_of_an_order() -> None:
    assert {(old, new) for new, olds in ALLOWED_FROM.items() for old in olds} == {
        ("pending", "paid"),
        ("paid", "shipped"),
        ("shipped", "delivered"),
        ("pending", "cancelled"),
        ("paid", "cancelled"),
    }


def test_an_unknown_order_does_not_change(work: Work) -> None:
    with pytest.raises(OrderUnknownError):
        work(move_order, "ORD-NEVER", OrderStatus.PAID)


def test_an_order_that_ships_meanwhile_is_not_cancelled(
    work: Work, order: Order, overtaken: Overtaken, query: Query
) -> None:
    work(move_order, order.number, OrderStatus.PAID)
    with pytest.raises(InvalidTransitionError) as raised:
        overtaken(
            lambda session: move_order(session, order.number, OrderStatus.SHIPPED),
            lambda: work(move_order, order.number, OrderStatus.CANCELLED),
        )
    assert raised.value.old == "shipped"
    assert query("SELECT status FROM orders") == [("shipped",)]
