"""Fixtures of the shop: users, products, and functions that run in their own transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.prepared_statement import Statement, text_of
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.mirror.merge.merge import write_tombstones
from clerk_sync.services import services
from clerk_sync.shop.addresses import Address, NewAddress, add_address
from clerk_sync.shop.cart import set_quantity
from clerk_sync.shop.catalogue import ProductEntry, load_products
from clerk_sync.shop.db import db
from clerk_sync.shop.orders import Order, check_out

Query = Callable[..., list[tuple[Any, ...]]]
P = ParamSpec("P")
T = TypeVar("T")

GRACE = "user_grace"
ADA = "user_ada"


class Work(Protocol):
    """Run a function in its own transaction and commit."""

    def __call__(self, act: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T: ...


@pytest.fixture
def work(app: Flask) -> Work:
    def run(act: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with app.app_context():
            done = act(db.session(), *args, **kwargs)
            db.session.commit()
            return done

    return run


@pytest.fixture
def statements(app: Flask) -> ConnectionPool:
    with app.app_context():
        return services().pool


@pytest.fixture
def grace(statements: ConnectionPool) -> LocalUser:
    return first_seen(statements, GRACE)


@pytest.fixture
def ada(statements: ConnectionPool) -> LocalUser:
    return first_seen(statements, ADA)


def first_seen(statements: ConnectionPool, clerk_id: str) -> LocalUser:
    local_users.ensure_placeholder(statements, clerk_id)
    user = local_users.find(statements, clerk_id)
    assert user is not None
    return user


class InSession:
    """Executes statements of the mirror in the transaction of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def fetch_all(self, statement: Statement, values: Mapping[str, object] | None = None, /) -> list[tuple[Any, ...]]:
        result = self._session.connection().exec_driver_sql(text_of(statement), dict(values or {}))
        return [tuple(row) for row in result] if result.returns_rows else []


def delete_user(session: Session, clerk_id: str) -> None:
    """Write a user's tombstone."""
    write_tombstones(InSession(session), [clerk_id])


@pytest.fixture
def refused(work: Work) -> Callable[..., Any]:
    """Run a function that has to raise ``error``, commit anyway, and return the error: no row may be left."""

    def run(error: type[Exception], act: Callable[..., object], *arguments: object) -> Exception:
        def attempt(session: Session) -> Exception:
            with pytest.raises(error) as raised:
                act(session, *arguments)
            return raised.value

        return work(attempt)

    return run


Sell = Callable[..., str]


@pytest.fixture
def sell(work: Work) -> Sell:
    """Insert or change a product, and return its sku."""

    def put(sku: str = "TEA", price_minor: int = 1290, currency: str = "EUR", **fields: Any) -> str:
        work(load_products, [ProductEntry(sku, sku.title(), price_minor, currency, **fields)])
        return sku

    return put


@pytest.fixture
def address(work: Work, grace: LocalUser) -> Address:
    """Grace's address."""
    return work(add_address, grace.id, NewAddress("1 Harbour Road", "Galway", "IE"))


@pytest.fixture
def full_cart(work: Work, grace: LocalUser, sell: Sell) -> None:
    """Grace's cart: two of TEA and one of CUP, 49.80 EUR."""
    work(set_quantity, grace.id, sell("TEA", 1290), 2)
    work(set_quantity, grace.id, sell("CUP", 2400), 1)


@pytest.fixture
def order(work: Work, grace: LocalUser, full_cart: None, address: Address) -> Order:
    """Grace's only order, pending."""
    return work(check_out, grace, address.id, "first").order


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Run actions at once, each in a thread after one barrier. Return their results or exceptions."""

    def run(*actions: Callable[[], object]) -> list[Any]:
        barrier = Barrier(len(actions))

        def after_all_are_ready(action: Callable[[], object]) -> object:
            barrier.wait(10)
            return action()

        with ThreadPoolExecutor(len(actions)) as pool:
            futures = [pool.submit(after_all_are_ready, action) for action in actions]
        return [future.exception() or future.result() for future in futures]

    return run


class Overtaken(Protocol):
    """Begin ``first``, begin ``second`` on another connection, and commit the first when the second waits."""

    def __call__(self, first: Callable[[Session], object], second: Callable[[], T]) -> T: ...


@pytest.fixture
def overtaken(app: Flask, query: Query) -> Overtaken:
    @contextmanager
    def begun(act: Callable[[Session], object]) -> Iterator[None]:
        with app.app_context():
            act(db.session())
            yield
            db.session.commit()

    def a_session_waits_for_a_lock() -> bool:
        return bool(
            query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        )

    def run(first: Callable[[Session], object], second: Callable[[], T]) -> T:
        with ThreadPoolExecutor(1) as pool:
            with begun(first):
                future = pool.submit(second)
                deadline = time.monotonic() + 2.5
                while not a_session_waits_for_a_lock():
                    assert time.monotonic() < deadline, "the second transaction did not wait for the first"
            return future.result()

    return run
