"""The merge with two writers at once: whoever waits sees what the other has written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.extensions import db
from clerk_sync.mirror.store import READ_FROM_API, Merged, bury_users, merge_users
from tests.mirror.factory import USER, snapshot
from tests.mirror.merging import Query, merge_one, names


@pytest.fixture
def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


def race(engine: Engine, first: Callable[[Session], object], second: Callable[[Session], Any]) -> Any:
    """Let ``second`` start while ``first`` has written but not committed; return what it got."""
    with Session(engine) as holder, ThreadPoolExecutor(1) as pool:
        first(holder)
        started = threading.Event()

        def run() -> Any:
            with Session(engine) as other:
                backend = other.scalar(text("SELECT pg_backend_pid()"))
                backends.append(backend)
                started.set()
                result = second(other)
                other.commit()
                return result

        backends: list[int] = []
        future: Future[Any] = pool.submit(run)
        assert started.wait(5)
        wait_until_blocked(engine, backends[0])
        holder.commit()
        return future.result(10)


def wait_until_blocked(engine: Engine, backend: int) -> None:
    blocked = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(5000):
            if connection.scalar(blocked, {"pid": backend}):
                return
    raise AssertionError("the second writer was not blocked by the first")


@pytest.mark.parametrize("known_before", [True, False])
def test_a_newer_version_that_waits_for_an_older_one_wins(engine: Engine, query: Query, *, known_before: bool) -> None:
    """W19"""
    if known_before:
        query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        engine,
        lambda session: merge_one(session, snapshot(1000, first_name="Older")),
        lambda session: merge_one(session, snapshot(2000, first_name="Newer")),
    )
    assert result is Merged.UPDATED
    assert query("SELECT first_name FROM users") == [("Newer",)]


@pytest.mark.parametrize("known_before", [True, False])
def test_an_older_version_that_waits_for_a_newer_one_is_stale(
    engine: Engine, query: Query, *, known_before: bool
) -> None:
    """W19"""
    if known_before:
        query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        engine,
        lambda session: merge_one(session, snapshot(2000, first_name="Newer")),
        lambda session: merge_one(session, snapshot(1000, first_name="Older")),
    )
    assert result is Merged.STALE
    assert query("SELECT first_name FROM users") == [("Newer",)]


def test_the_same_version_that_waits_for_itself_is_unchanged(engine: Engine, query: Query) -> None:
    result = race(
        engine,
        lambda session: merge_one(session, snapshot(), at=5),
        lambda session: merge_one(session, snapshot(), at=5),
    )
    assert result is Merged.UNCHANGED
    assert query("SELECT count(*) FROM users") == [(1,)]


def test_an_update_that_waits_for_a_deletion_stays_out(engine: Engine, query: Query) -> None:
    query("INSERT INTO users (clerk_id, clerk_updated_at) VALUES (%s, 1)", USER)
    result = race(
        engine, lambda session: bury_users(session, [USER]), lambda session: merge_one(session, snapshot(2000))
    )
    assert result is Merged.STALE
    assert query("SELECT first_name, deleted_at IS NOT NULL FROM users") == [(None, True)]


def test_a_deletion_that_waits_for_an_update_deletes(engine: Engine, query: Query) -> None:
    result = race(
        engine, lambda session: merge_one(session, snapshot(2000)), lambda session: bury_users(session, [USER])
    )
    assert result == {USER}
    assert query("SELECT first_name, deleted_at IS NOT NULL FROM users") == [(None, True)]


def test_pages_in_opposite_orders_do_not_deadlock(engine: Engine) -> None:
    """Both have to pass one row that somebody holds: whoever did not go by id would come from its other side."""
    page = [snapshot(clerk_id=f"user_{number:03}") for number in range(200)]
    with Session(engine) as session:
        merge_users(session, page, event_at=READ_FROM_API)
        session.commit()

    def write(users: list[UserSnapshot], version: int, backend: Future[int]) -> None:
        newer = [snapshot(version, clerk_id=user.clerk_id, first_name=f"v{version}") for user in users]
        with Session(engine) as session:
            # The plan of a large table: for a small one PostgreSQL chooses one that happens to bring an order along.
            session.execute(text("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"))
            backend.set_result(session.scalar(text("SELECT pg_backend_pid()")))
            merge_users(session, newer, event_at=READ_FROM_API)
            session.commit()

    with Session(engine) as holder, ThreadPoolExecutor(2) as pool:
        holder.execute(text("SELECT 1 FROM users WHERE clerk_id = 'user_100' FOR UPDATE"))
        writers = []
        for users, version in ((page, 2000), (page[::-1], 2001)):
            backend: Future[int] = Future()
            writers.append(pool.submit(write, users, version, backend))
            wait_until_blocked(engine, backend.result(5))
        holder.commit()
        for writer in writers:
            writer.result(10)
    with Session(engine) as session:
        assert set(names(session)) == {"v2001"}
