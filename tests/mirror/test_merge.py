"""The merge: DESIGN's table line by line, every order of arrival, and two writers at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.extensions import db
from clerk_sync.mirror.store import READ_FROM_API, Merged, bury_users, merge_users
from tests.mirror.factory import USER, snapshot

Query = Callable[..., list[tuple[Any, ...]]]


def merge_one(session: Session, user: UserSnapshot, *, at: int = 0) -> Merged:
    return merge_users(session, [user], event_at=at)[user.clerk_id]


def names(session: Session) -> list[str | None]:
    return list(session.scalars(text("SELECT first_name FROM users ORDER BY clerk_id")))


def test_an_unknown_user_is_inserted_as_client(unit_of_work: Session) -> None:
    assert merge_one(unit_of_work, snapshot()) is Merged.INSERTED
    assert unit_of_work.execute(text("SELECT clerk_id, role, first_name FROM users")).all() == [
        (USER, "CLIENT", "Grace")
    ]


def test_a_newer_version_replaces_an_older_one(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(1000))
    assert merge_one(unit_of_work, snapshot(1001, first_name="Newer")) is Merged.UPDATED
    assert names(unit_of_work) == ["Newer"]


def test_an_older_version_is_stale(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(1001))
    assert merge_one(unit_of_work, snapshot(1000, first_name="Older"), at=READ_FROM_API) is Merged.STALE
    assert names(unit_of_work) == ["Grace"]


def test_equal_content_writes_no_row_version(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(1000), at=1)
    unit_of_work.commit()
    before = unit_of_work.execute(text("SELECT xmin, xmax, ctid, synced_at FROM users")).all()
    for at in (0, 1, 2, READ_FROM_API):
        assert merge_one(unit_of_work, snapshot(1000), at=at) is Merged.UNCHANGED
    unit_of_work.commit()
    # xmax, too: an unchanged row is not even locked.
    assert unit_of_work.execute(text("SELECT xmin, xmax, ctid, synced_at FROM users")).all() == before


def test_a_tombstone_is_final(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(1000))
    assert bury_users(unit_of_work, [USER]) == {USER}
    assert merge_one(unit_of_work, snapshot(2**53), at=READ_FROM_API) is Merged.STALE
    assert bury_users(unit_of_work, [USER]) == set()
    assert unit_of_work.execute(
        text("SELECT email, first_name, username, image_url, deleted_at IS NOT NULL FROM users")
    ).all() == [(None, None, None, None, True)]


def test_an_api_read_is_the_truth_at_a_tie(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(first_name="Event"), at=5)
    assert merge_one(unit_of_work, snapshot(first_name="Api"), at=READ_FROM_API) is Merged.UPDATED
    assert merge_one(unit_of_work, snapshot(first_name="Event"), at=5) is Merged.STALE
    assert merge_one(unit_of_work, snapshot(first_name="Other"), at=6) is Merged.STALE
    assert merge_one(unit_of_work, snapshot(first_name="Api2"), at=READ_FROM_API) is Merged.UPDATED
    assert names(unit_of_work) == ["Api2"]


def test_at_a_tie_the_later_event_wins(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(first_name="Earlier"), at=5)
    assert merge_one(unit_of_work, snapshot(first_name="Later"), at=6) is Merged.UPDATED
    assert merge_one(unit_of_work, snapshot(first_name="Earlier"), at=5) is Merged.STALE
    assert names(unit_of_work) == ["Later"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_at_a_tie_of_events_the_larger_digest_wins(unit_of_work: Session, order: Sequence[str]) -> None:
    for name in order:
        merge_one(unit_of_work, snapshot(first_name=name), at=5)
    digests = {name: digest_of(snapshot(first_name=name)) for name in order}
    assert names(unit_of_work) == [max(order, key=lambda name: digests[name])]


def test_a_row_that_drifted_is_repaired_by_the_event_it_came_from(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(), at=5)
    unit_of_work.execute(text("UPDATE users SET first_name = 'Drifted'"))
    assert merge_one(unit_of_work, snapshot(), at=5) is Merged.UPDATED
    assert names(unit_of_work) == ["Grace"]


def test_a_role_survives_every_merge(app: Flask, unit_of_work: Session, query: Query) -> None:
    merge_one(unit_of_work, snapshot(1000))
    unit_of_work.commit()
    query("UPDATE users SET role = 'ADMIN'")
    merge_one(unit_of_work, snapshot(1001, first_name="Newer"))
    unit_of_work.commit()
    assert query("SELECT role, first_name FROM users") == [("ADMIN", "Newer")]


def test_a_page_is_merged_like_its_users_one_by_one(unit_of_work: Session) -> None:
    merge_one(unit_of_work, snapshot(1000, clerk_id="user_newer", first_name="N"))
    merge_one(unit_of_work, snapshot(1000, clerk_id="user_same", first_name="S"))
    merge_one(unit_of_work, snapshot(1000, clerk_id="user_older", first_name="O"))
    bury_users(unit_of_work, ["user_gone"])
    page = [
        snapshot(999, clerk_id="user_newer", first_name="x"),
        snapshot(1000, clerk_id="user_same", first_name="S"),
        snapshot(1001, clerk_id="user_older", first_name="y"),
        snapshot(1000, clerk_id="user_gone"),
        snapshot(1000, clerk_id="user_unknown", first_name="tab\tnew\nline\\N\r", email=None),
    ]
    assert merge_users(unit_of_work, page, event_at=READ_FROM_API) == {
        "user_newer": Merged.STALE,
        "user_same": Merged.UNCHANGED,
        "user_older": Merged.UPDATED,
        "user_gone": Merged.STALE,
        "user_unknown": Merged.INSERTED,
    }
    assert names(unit_of_work) == [None, "N", "y", "S", "tab\tnew\nline\\N\r"]


def test_an_id_that_comes_twice_in_a_page_counts_with_its_newest_version(unit_of_work: Session) -> None:
    page = [snapshot(1001, first_name="Newest"), snapshot(1000, first_name="Older"), snapshot(clerk_id="user_b")]
    assert merge_users(unit_of_work, page, event_at=READ_FROM_API)[USER] is Merged.INSERTED
    assert names(unit_of_work)[0] == "Newest"


def test_an_empty_page_is_no_work(unit_of_work: Session) -> None:
    assert merge_users(unit_of_work, [], event_at=READ_FROM_API) == {}
    assert bury_users(unit_of_work, []) == set()


# --- every order of arrival ---------------------------------------------------------------------------------------


def digest_of(user: UserSnapshot) -> str:
    """The digest that PostgreSQL makes of a row's content: md5 of its text form."""

    def form(value: object) -> str:
        if value is None:
            return ""
        return "t" if value is True else "f" if value is False else str(value)

    content = (
        user.email, user.email_verified, user.first_name, user.last_name,
        user.username, user.image_url, user.banned, user.clerk_created_at,
    )  # fmt: skip
    return hashlib.md5(f"({','.join(map(form, content))})".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Happening:
    """One event of a user's life, or (version None) the end of it."""

    version: int | None
    at: int
    variant: int

    def snapshot(self, clerk_id: str) -> UserSnapshot:
        assert self.version is not None
        # What Clerk says at one moment it says once: no two moments of one version carry the same content.
        return snapshot(self.version, clerk_id=clerk_id, first_name=f"v{self.version}t{self.at}n{self.variant}")


changes = st.builds(Happening, st.integers(1, 4), st.integers(0, 2), st.integers(0, 1))
deletions = st.builds(Happening, st.none(), st.just(0), st.just(0))
histories = st.lists(st.one_of(changes, changes, changes, deletions), min_size=1, max_size=6)
numbers = count()


def expected_name(history: Sequence[Happening], clerk_id: str) -> str | None:
    """The end that every order must have: deleted, or the largest by version, time and digest."""
    if any(happening.version is None for happening in history):
        return None
    last = max(history, key=lambda each: (each.version or 0, each.at, digest_of(each.snapshot(clerk_id))))
    return last.snapshot(clerk_id).first_name


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, data=st.data())
def test_every_order_of_arrival_with_repetition_ends_with_the_same_row(
    unit_of_work: Session, history: list[Happening], data: st.DataObject
) -> None:
    clerk_id = f"user_h{next(numbers)}"
    arrivals = data.draw(st.permutations(history)) + data.draw(st.lists(st.sampled_from(history), max_size=4))
    for arrival in arrivals:
        if arrival.version is None:
            bury_users(unit_of_work, [clerk_id])
        else:
            merge_one(unit_of_work, arrival.snapshot(clerk_id), at=arrival.at)
    (row,) = unit_of_work.execute(
        text("SELECT first_name, deleted_at IS NOT NULL FROM users WHERE clerk_id = :id"), {"id": clerk_id}
    ).all()
    expected = expected_name(history, clerk_id)
    assert tuple(row) == (expected, expected is None)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, data=st.data())
def test_pages_and_single_events_converge_alike(
    unit_of_work: Session, history: list[Happening], data: st.DataObject
) -> None:
    happenings = [happening for happening in history if happening.version is not None]
    clerk_ids = [f"user_p{next(numbers)}" for _ in range(3)]
    for arrival in data.draw(st.permutations(happenings)):
        page = [arrival.snapshot(clerk_id) for clerk_id in data.draw(st.permutations(clerk_ids))]
        merge_users(unit_of_work, page, event_at=arrival.at)
    for clerk_id in clerk_ids if happenings else ():
        found = unit_of_work.scalar(text("SELECT first_name FROM users WHERE clerk_id = :id"), {"id": clerk_id})
        assert found == expected_name(happenings, clerk_id)


# --- two writers at once ------------------------------------------------------------------------------------------


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
