"""Group commit: deliveries are written in batches, and a failing delivery does not affect the others."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, LiteralString

import psycopg2
import pytest

from clerk_sync.clerk.webhooks.events import Envelope, Event, UserChanged, UserDeleted
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery
from clerk_sync.db.connect import POOL_SIZE, ConnectionFactory
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.prepared_statement import PreparedStatement
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.inbox.group_commit import GroupCommit
from clerk_sync.mirror.inbox.outcome import Outcome
from tests.local_clerk import wait_until
from tests.mirror.factory import snapshot
from tests.mirror.merge.merging import Query

ENVELOPE = Envelope(type="user.updated", occurred_at_ms=1)


class Gate(ConnectionPool):
    """A pool whose first statement waits until ``opened`` is set."""

    def __init__(self, connect: ConnectionFactory) -> None:
        super().__init__(connect)
        self.reached = threading.Event()
        self.opened = threading.Event()

    def fetch_all(
        self, statement: LiteralString | PreparedStatement, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        if not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(10)
        return super().fetch_all(statement, values)


@pytest.fixture
def gate(connect: ConnectionFactory) -> Iterator[Gate]:
    gate = Gate(connect)
    yield gate
    gate.dispose()


def user(number: int) -> str:
    return f"user_{number}"


def changed(number: int, version: int = 1000, **changes: Any) -> UserChanged:
    return UserChanged(ENVELOPE, snapshot(version, clerk_id=user(number), **changes))


def receive_together(gate: Gate, *events: Event, ids: Callable[[int], str] = "msg_{}".format) -> list[Future[Outcome]]:
    """Let the events arrive while the delivery of user 0 is at the gate, then open it."""
    group_commit = GroupCommit(gate)
    with ThreadPoolExecutor(len(events) + 1) as pool:
        futures = [pool.submit(group_commit.receive, VerifiedDelivery("msg_first", 0, b""), changed(0))]
        assert gate.reached.wait(10)
        for number, event in enumerate(events):
            futures.append(pool.submit(group_commit.receive, VerifiedDelivery(ids(number), 0, b""), event))
            wait_until(lambda there=number + 1: len(group_commit._waiting) == there)
        gate.opened.set()
    return futures


def test_deliveries_that_arrive_during_a_write_are_written_together(gate: Gate, query: Query) -> None:
    futures = receive_together(gate, *map(changed, range(1, 8)))
    assert {future.result() for future in futures} == {Outcome.APPLIED}
    assert query("SELECT count(*) FROM users") == [(8,)]
    # The first, and one transaction for the seven others.
    assert query("SELECT count(*) FROM webhook_events GROUP BY xmin::text ORDER BY 1") == [(1,), (7,)]


def test_each_delivery_of_a_batch_gets_its_own_outcome(gate: Gate, query: Query) -> None:
    query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES ('user_3', 5000)")
    query("INSERT INTO users (clerk_id, deleted_at) VALUES ('user_4', now())")
    gone = UserDeleted(ENVELOPE, user(4))
    futures = receive_together(gate, changed(9), changed(3), gone, UserDeleted(ENVELOPE, user(2)), changed(1))
    assert [future.result() for future in futures[1:]] == ["applied", "stale", "stale", "applied", "applied"]
    assert query("SELECT svix_id, clerk_id, outcome FROM webhook_events WHERE svix_id <> 'msg_first' ORDER BY 1") == [
        ("msg_0", "user_9", "applied"),
        ("msg_1", "user_3", "stale"),
        ("msg_2", "user_4", "stale"),
        ("msg_3", "user_2", "applied"),
        ("msg_4", "user_1", "applied"),
    ]


def test_a_batch_with_several_versions_of_a_user_keeps_the_newest(gate: Gate, query: Query) -> None:
    futures = receive_together(gate, *(changed(1, version, first_name=str(version)) for version in (2000, 3000, 1000)))
    assert {future.result() for future in futures} <= {Outcome.APPLIED, Outcome.STALE}
    assert query("SELECT first_name FROM users WHERE clerk_id = 'user_1'") == [("3000",)]


def test_a_delivery_that_comes_twice_in_a_batch_is_a_duplicate_once(gate: Gate, query: Query) -> None:
    futures = receive_together(gate, changed(1), changed(1), ids=lambda _: "msg_twice")
    assert sorted(future.result() for future in futures[1:]) == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert query("SELECT deliveries FROM webhook_events WHERE svix_id = 'msg_twice'") == [(2,)]


def test_a_locked_row_delays_only_its_own_delivery_of_a_batch(
    gate: Gate, connect: ConnectionFactory, query: Query
) -> None:
    query("INSERT INTO users (clerk_id) VALUES ('user_2')")
    group_commit = GroupCommit(gate)
    with TransactionalConnection(connect) as holder, ThreadPoolExecutor(4) as pool:
        holder.fetch_all("UPDATE users SET synced_at = now() WHERE clerk_id = 'user_2'")
        first, blocked, free = (
            pool.submit(group_commit.receive, VerifiedDelivery(f"msg_{number}", 0, b""), changed(number))
            for number in (1, 2, 3)
        )
        gate.opened.set()
        assert first.result(10) == free.result(10) == Outcome.APPLIED
        assert not blocked.done()
        holder.rollback()
        assert blocked.result(10) is Outcome.APPLIED


class Refused(ConnectionFactory):
    """Counts the attempts to connect and refuses each."""

    def __call__(self) -> Any:
        attempts.append(self)
        raise psycopg2.OperationalError("connection refused")


attempts: list[Refused] = []


def test_an_unreachable_database_fails_a_whole_batch_with_one_attempt() -> None:
    attempts.clear()
    futures = receive_together(Gate(Refused(None, Path())), changed(1), changed(2), changed(3))
    for future in futures:
        with pytest.raises(psycopg2.OperationalError, match="connection refused"):
            future.result()
    assert len(attempts) == 2  # once for the first, once for the group


def test_an_error_of_one_delivery_fails_only_that_delivery(connect: ConnectionFactory) -> None:
    class Particular(Gate):
        def fetch_all(
            self, statement: LiteralString | PreparedStatement, values: Mapping[str, object]
        ) -> list[tuple[Any, ...]]:
            rows = super().fetch_all(statement, values)
            if "user_2" in str(values["arrivals"]):
                raise RuntimeError("a fault of ours")
            return rows

    first, innocent, guilty, late = receive_together(Particular(connect), changed(1), changed(2), changed(3))
    # The batch was committed before the error. Applied again, its deliveries are duplicates.
    assert [future.result() for future in (first, innocent, late)] == ["applied", "duplicate", "duplicate"]
    with pytest.raises(RuntimeError):
        guilty.result()


def test_two_workers_with_the_same_users_in_different_orders_lose_nothing(
    connect: ConnectionFactory, query: Query
) -> None:
    chance = random.Random(1)
    history = [(number, version) for number in range(12) for version in range(1, 26)]
    workers = [ConnectionPool(connect), ConnectionPool(connect)]
    with ThreadPoolExecutor(2 * POOL_SIZE) as pool:
        futures = []
        for worker, statements in enumerate(workers):
            group_commit = GroupCommit(statements)
            for number, version in chance.sample(history, len(history)):
                delivery = VerifiedDelivery(f"msg_{worker}_{number}_{version}", 0, b"")
                event = changed(number, version, first_name=str(version))
                futures.append(pool.submit(group_commit.receive, delivery, event))
        outcomes = [future.result(60) for future in futures]
    for statements in workers:
        statements.dispose()
    assert set(outcomes) <= {Outcome.APPLIED, Outcome.STALE, Outcome.UNCHANGED}
    assert query("SELECT first_name, count(*) FROM users GROUP BY first_name") == [("25", 12)]
    assert query("SELECT count(*) FROM webhook_events") == [(2 * len(history),)]
