"""One run at a time: the lease is a row, and who has lost it can commit nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from clerk_sync.extensions import db
from clerk_sync.mirror import runs
from clerk_sync.mirror.errors import LeaseLost
from clerk_sync.mirror.runs import Kind, Run, Status
from clerk_sync.mirror.steps import Counts, Cursor
from clerk_sync.mirror.windows import Window
from tests.local_clerk import Query

SILENCE = timedelta(seconds=10)
CURSOR = Cursor(7, 500, 3, [Window(start_ms=5, reached_ms=9, reached_id="user_a", carried=["user_a"])], ["user_b"])


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield db.session()
        db.session.rollback()


def begin(session: Session, kind: Kind = Kind.ALL) -> Run:
    run = runs.begin_run(session, kind)
    session.commit()
    assert run is not None
    return run


def let_time_pass(query: Query, interval: str) -> None:
    query("UPDATE sync_runs SET heartbeat_at = heartbeat_at - %s::interval", interval)


def test_there_is_one_run_at_a_time(session: Session) -> None:
    run = begin(session)
    assert runs.begin_run(session, Kind.USERS) is None
    runs.end_run(session, run.id, Status.DONE)
    session.commit()
    assert begin(session).id != run.id


def test_a_step_is_added_to_the_report_and_the_cursor_kept(session: Session, query: Query) -> None:
    run = begin(session)
    runs.record(session, run.id, Counts(seen=3, inserted=2, unchanged=1), CURSOR)
    runs.record(session, run.id, Counts(seen=1, failed=1), None)
    session.commit()
    ((seen, inserted, unchanged, failed, cursor),) = query(
        "SELECT seen, inserted, unchanged, failed, cursor FROM sync_runs"
    )
    assert (seen, inserted, unchanged, failed) == (4, 2, 1, 1)
    assert msgspec.convert(cursor, Cursor) == CURSOR


def test_a_run_whose_lease_was_taken_cannot_record_another_step(session: Session, query: Query) -> None:
    run = begin(session)
    let_time_pass(query, "11 seconds")
    assert runs.take_away_lease(session, run.id, silence=SILENCE)
    session.commit()
    with pytest.raises(LeaseLost):
        runs.record(session, run.id, Counts(seen=1), CURSOR)
    session.rollback()
    assert not runs.beat(session, run.id)
    runs.end_run(session, run.id, Status.DONE)
    session.commit()
    assert query("SELECT status, seen FROM sync_runs") == [("lost", 0)]


def test_a_lease_is_not_taken_from_a_run_whose_heart_beats(session: Session, query: Query) -> None:
    run = begin(session)
    let_time_pass(query, "11 seconds")
    assert runs.beat(session, run.id)
    assert not runs.take_away_lease(session, run.id, silence=SILENCE)


def test_a_lease_is_not_taken_from_a_run_that_is_just_writing(app: Flask, session: Session, query: Query) -> None:
    run = begin(session)
    let_time_pass(query, "11 seconds")
    runs.record(session, run.id, Counts(), None)
    with Session(db.engine) as other:
        assert not runs.take_away_lease(other, run.id, silence=SILENCE)


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.FAILED, Status.LOST])
def test_a_run_that_did_not_come_to_its_end_can_be_resumed(session: Session, query: Query, status: Status) -> None:
    run = begin(session)
    runs.record(session, run.id, Counts(seen=3), CURSOR)
    runs.end_run(session, run.id, status, "because")
    session.commit()
    assert runs.resume_run(session) == Run(run.id, run.started_at, CURSOR)
    session.commit()
    assert query("SELECT status, ended_at, reason FROM sync_runs") == [("running", None, None)]


def leave(session: Session, **changes: Any) -> None:
    run = begin(session, changes.get("kind", Kind.ALL))
    runs.record(session, run.id, Counts(), changes.get("cursor", CURSOR))
    runs.end_run(session, run.id, changes.get("status", Status.FAILED))
    session.commit()


@pytest.mark.parametrize(
    "last",
    [{"status": Status.DONE}, {"status": Status.REFUSED}, {"cursor": None}, {"kind": Kind.USERS}],
    ids=["done", "refused", "without a cursor", "of some users"],
)
def test_other_runs_cannot_be_resumed(session: Session, last: dict[str, Any]) -> None:
    leave(session, **last)
    assert runs.resume_run(session) is None


def test_a_finished_run_makes_an_earlier_failure_a_thing_of_the_past(session: Session) -> None:
    leave(session)
    leave(session, status=Status.DONE)
    assert runs.resume_run(session) is None


def test_yesterdays_run_is_not_resumed(session: Session, query: Query) -> None:
    leave(session)
    query("UPDATE sync_runs SET started_at = now() - interval '25 hours'")
    assert runs.resume_run(session) is None


def test_nothing_is_resumed_while_a_run_is_at_work(session: Session) -> None:
    leave(session)
    begin(session, Kind.USERS)
    assert runs.resume_run(session) is None
