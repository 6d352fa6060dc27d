"""The merge with two transactions at once: the one that waits sees what the other has written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.merge.merge import READ_FROM_API, MergeResult, merge_users, write_tombstones
from tests.mirror.factory import USER, snapshot
from tests.mirror.merge.merging import Query, merge_one, names


def race(
    connect: ConnectionFactory,
    first: Callable[[TransactionalConnection], object],
    second: Callable[[TransactionalConnection], Any],
) -> Any:
    """Let ``second`` start while ``first`` has written but not committed; return what it got."""
    with TransactionalConnection(connect) as holder, ThreadPoolExecutor(1) as pool:
        first(holder)
        started = threading.Event()

        def run() -> Any:
            with TransactionalConnection(connect) as other:
                ((backend,),) = other.fetch_all("SELECT pg_backend_pid()")
                backends.append(backend)
                started.set()
                result = second(other)
                other.commit()
                return result

        backends: list[int] = []
        future: Future[Any] = pool.submit(run)
        assert started.wait(5)
        wait_until_blocked(connect, backends[0])
        holder.commit()
        return future.result(10)


def wait_until_blocked(connect: ConnectionFactory, backend: int) -> None:
    statements = ConnectionPool(connect)
    for _ in range(5000):
        if statements.fetch_all("SELECT cardinality(pg_blocking_pids(%(pid)s)) > 0", {"pid": backend}) == [(True,)]:
            statements.dispose()
            return
    raise AssertionError("the second writer was not blocked by the first")


@pytest.mark.parametrize("known_before", [True, False])
def test_a_newer_version_that_waits_for_an_older_one_wins(
    connect: ConnectionFactory, query: Query, *, known_before: bool
) -> None:
    """W19"""
    if known_before:
        query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        connect,
        lambda writer: merge_one(writer, snapshot(1000, first_name="Older")),
        lambda writer: merge_one(writer, snapshot(2000, first_name="Newer")),
    )
    assert result is MergeResult.UPDATED
    assert query("SELECT first_name FROM users") == [("Newer",)]


@pytest.mark.parametrize("known_before", [True, False])
def test_an_older_version_that_waits_for_a_newer_one_is_stale(
    connect: ConnectionFactory, query: Query, *, known_before: bool
) -> None:
    """W19"""
    if known_before:
        query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        connect,
        lambda writer: merge_one(writer, snapshot(2000, first_name="Newer")),
        lambda writer: merge_one(writer, snapshot(1000, first_name="Older")),
    )
    assert result is MergeResult.STALE
    assert query("SELECT first_name FROM users") == [("Newer",)]


def test_the_same_version_that_waits_for_itself_is_unchanged(connect: ConnectionFactory, query: Query) -> None:
    result = race(
        connect,
        lambda writer: merge_one(writer, snapshot(), at=5),
        lambda writer: merge_one(writer, snapshot(), at=5),
    )
    assert result is MergeResult.UNCHANGED
    assert query("SELECT count(*) FROM users") == [(1,)]


def test_an_update_that_waits_for_a_deletion_stays_out(connect: ConnectionFactory, query: Query) -> None:
    query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        connect, lambda writer: write_tombstones(writer, [USER]), lambda writer: merge_one(writer, snapshot(2000))
    )
    assert result is MergeResult.STALE
    assert query("SELECT first_name, deleted_at IS NOT NULL FROM users") == [(None, True)]


def test_a_deletion_that_waits_for_an_update_deletes(connect: ConnectionFactory, query: Query) -> None:
    result = race(
        connect, lambda writer: merge_one(writer, snapshot(2000)), lambda writer: write_tombstones(writer, [USER])
    )
    assert result == {USER}
    assert query("SELECT first_name, deleted_at IS NOT NULL FROM users") == [(None, True)]


def test_pages_in_opposite_orders_do_not_deadlock(connect: ConnectionFactory) -> None:
    """A third transaction locks a row in the middle. Without the order by id, both would wait for each other's rows."""
    page = [snapshot(clerk_id=f"user_{number:03}") for number in range(200)]
    with TransactionalConnection(connect) as transactions:
        merge_users(transactions, page, event_at=READ_FROM_API)
        transactions.commit()

    def write(users: list[UserSnapshot], version: int, backend: Future[int]) -> None:
        newer = [snapshot(version, clerk_id=user.clerk_id, first_name=f"v{version}") for user in users]
        with TransactionalConnection(connect) as transactions:
            # The plan of a large table: for a small one PostgreSQL chooses one that happens to bring an order along.
            transactions.fetch_all("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            ((pid,),) = transactions.fetch_all("SELECT pg_backend_pid()")
            backend.set_result(pid)
            merge_users(transactions, newer, event_at=READ_FROM_API)
            transactions.commit()

    with TransactionalConnection(connect) as holder, ThreadPoolExecutor(2) as pool:
        holder.fetch_all("SELECT 1 FROM users WHERE clerk_id = 'user_100' FOR UPDATE")
        writers = []
        for users, version in ((page, 2000), (page[::-1], 2001)):
            backend: Future[int] = Future()
            writers.append(pool.submit(write, users, version, backend))
            wait_until_blocked(connect, backend.result(5))
        holder.commit()
        for writer in writers:
            writer.result(10)
    with TransactionalConnection(connect) as transactions:
        assert set(names(transactions)) == {"v2001"}
