"""One run at a time: the lease is a row, and who has lost it can commit nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.errors import LeaseLostError
from clerk_sync.mirror.sync import runs
from clerk_sync.mirror.sync.runs import Kind, Run, Status
from clerk_sync.mirror.sync.steps import Checkpoint, Counts
from clerk_sync.mirror.sync.targets import SYNC_SETTINGS
from clerk_sync.mirror.sync.windows import Window
from tests.local_clerk import Query

CURSOR = Checkpoint(
    7, 500, 3, [Window(start_ms=5, reached_ms=9, reached_id="user_a", boundary_ids=["user_a"])], ["user_b"]
)


def begin(transactions: TransactionalConnection, kind: Kind = Kind.ALL) -> Run:
    run = runs.begin_run(transactions, kind)
    transactions.commit()
    assert run is not None
    return run


def let_time_pass(query: Query, interval: str) -> None:
    query("UPDATE sync_runs SET heartbeat_at = heartbeat_at - %s::interval", interval)


def test_there_is_one_run_at_a_time(transactions: TransactionalConnection) -> None:
    run = begin(transactions)
    assert runs.begin_run(transactions, Kind.USERS) is None
    runs.end_run(transactions, run.id, Status.DONE)
    transactions.commit()
    assert begin(transactions).id != run.id


def test_a_step_is_added_to_the_report_and_the_cursor_kept(transactions: TransactionalConnection, query: Query) -> None:
    run = begin(transactions)
    runs.save_checkpoint(transactions, run.id, Counts(seen=3, inserted=2, unchanged=1), CURSOR)
    runs.save_checkpoint(transactions, run.id, Counts(seen=1, failed=1), None)
    transactions.commit()
    ((seen, inserted, unchanged, failed, cursor),) = query(
        "SELECT seen, inserted, unchanged, failed, cursor FROM sync_runs"
    )
    assert (seen, inserted, unchanged, failed) == (4, 2, 1, 1)
    assert msgspec.convert(cursor, Checkpoint) == CURSOR


def test_a_run_whose_lease_was_taken_cannot_record_another_step(
    transactions: TransactionalConnection, query: Query
) -> None:
    run = begin(transactions)
    let_time_pass(query, "11 seconds")
    assert runs.expire_lease(transactions, run.id)
    transactions.commit()
    with pytest.raises(LeaseLostError):
        runs.save_checkpoint(transactions, run.id, Counts(seen=1), CURSOR)
    transactions.rollback()
    assert not runs.send_heartbeat(transactions, run.id)
    runs.end_run(transactions, run.id, Status.DONE)
    transactions.commit()
    assert query("SELECT status, seen FROM sync_runs") == [("lost", 0)]


def test_a_lease_is_not_taken_from_a_run_whose_heart_beats(transactions: TransactionalConnection, query: Query) -> None:
    run = begin(transactions)
    let_time_pass(query, "11 seconds")
    assert runs.send_heartbeat(transactions, run.id)
    assert not runs.expire_lease(transactions, run.id)


def test_a_lease_is_not_taken_from_a_run_that_is_just_writing(
    connect: ConnectionFactory, transactions: TransactionalConnection, query: Query
) -> None:
    run = begin(transactions)
    let_time_pass(query, "11 seconds")
    runs.save_checkpoint(transactions, run.id, Counts(), None)
    with TransactionalConnection(connect) as other:
        assert not runs.expire_lease(other, run.id)


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.FAILED, Status.LOST])
def test_a_run_that_did_not_come_to_its_end_can_be_resumed(
    transactions: TransactionalConnection, query: Query, status: Status
) -> None:
    run = begin(transactions)
    runs.save_checkpoint(transactions, run.id, Counts(seen=3), CURSOR)
    runs.end_run(transactions, run.id, status, "because")
    transactions.commit()
    assert runs.resume_run(transactions) == Run(run.id, run.started_at, CURSOR)
    transactions.commit()
    assert query("SELECT status, ended_at, reason FROM sync_runs") == [("running", None, None)]


def leave(transactions: TransactionalConnection, **changes: Any) -> None:
    run = begin(transactions, changes.get("kind", Kind.ALL))
    runs.save_checkpoint(transactions, run.id, Counts(), changes.get("cursor", CURSOR))
    runs.end_run(transactions, run.id, changes.get("status", Status.FAILED))
    transactions.commit()


@pytest.mark.parametrize(
    "last",
    [{"status": Status.DONE}, {"status": Status.REFUSED}, {"cursor": None}, {"kind": Kind.USERS}],
    ids=["done", "refused", "without a cursor", "of some users"],
)
def test_other_runs_cannot_be_resumed(transactions: TransactionalConnection, last: dict[str, Any]) -> None:
    leave(transactions, **last)
    assert runs.resume_run(transactions) is None


def test_a_finished_run_makes_an_earlier_failure_a_thing_of_the_past(transactions: TransactionalConnection) -> None:
    leave(transactions)
    leave(transactions, status=Status.DONE)
    assert runs.resume_run(transactions) is None


def test_yesterdays_run_is_not_resumed(transactions: TransactionalConnection, query: Query) -> None:
    leave(transactions)
    query("UPDATE sync_runs SET started_at = now() - interval '25 hours'")
    assert runs.resume_run(transactions) is None


def test_nothing_is_resumed_while_a_run_is_at_work(transactions: TransactionalConnection) -> None:
    leave(transactions)
    begin(transactions, Kind.USERS)
    assert runs.resume_run(transactions) is None


def test_the_end_of_a_run_waits_for_the_disk_whatever_came_before_it(connect: ConnectionFactory) -> None:
    with TransactionalConnection(connect, SYNC_SETTINGS) as transactions:
        run = begin(transactions)
        assert transactions.fetch_all("SHOW synchronous_commit") == [("off",)]
        runs.end_run(transactions, run.id, Status.DONE)
        assert transactions.fetch_all("SHOW synchronous_commit") == [("on",)]
