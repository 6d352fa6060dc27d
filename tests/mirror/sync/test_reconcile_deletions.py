"""Sync deletes nobody of whom Clerk has not said so, and no more than the cap allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.merge.listed_range import AT_ONCE
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import SEQUENTIAL, Command, Query, delete_at_clerk, meanwhile, rows_at, rows_of, tombstones

Deliver = Callable[..., TestResponse]


def test_a_user_deleted_at_clerk_becomes_a_tombstone_once_clerk_was_asked_by_id(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    """S5"""
    clerk.users.seed(30)
    sync()
    gone = delete_at_clerk(clerk, 2, start=7)
    clerk.requests.clear()
    ran = sync()
    assert ran.exit_code == 0
    assert ran["deleted"] == 2
    assert tombstones(query) == set(gone)
    assert rows_of(query) == rows_at(clerk)
    assert query("SELECT DISTINCT email FROM users WHERE deleted_at IS NOT NULL") == [(None,)]
    assert [request for request in clerk.requests if f"user_id={gone[0]}" in request.query]


def test_a_user_who_signs_up_during_the_walk_is_not_deleted(
    clerk: LocalClerk, sync: Command, query: Query, deliver: Deliver
) -> None:
    """S6"""
    clerk.users.seed(600)
    # Clerk does not know this id, not even when asked: only the time of the row speaks for it.
    newcomer = clerk_user("user_newcomer", created_at=clerk.users.snapshot()[10].created_at)
    event = clerk_event("user.created", newcomer, instance_id=clerk.instance_id)
    with meanwhile(clerk, lambda: deliver(event), after=0):
        ran = sync(*SEQUENTIAL)
    assert ran.exit_code == 0
    assert ran["deleted"] == 0
    assert rows_of(query).keys() == rows_at(clerk).keys() | {"user_newcomer"}


@pytest.mark.parametrize("others", [0, 5])
def test_a_row_made_at_first_sight_of_a_user_unknown_to_clerk_becomes_a_tombstone(
    clerk: LocalClerk, sync: Command, query: Query, others: int
) -> None:
    clerk.users.seed(others)
    query("INSERT INTO users (clerk_id) VALUES ('user_nobody')")
    assert sync()["deleted"] == 1
    assert tombstones(query) == {"user_nobody"}


def test_many_missing_users_are_asked_for_a_hundred_at_a_time(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(700)
    sync()
    gone = delete_at_clerk(clerk, 450, start=100)
    clerk.requests.clear()
    ran = sync("--max-deletes", "100%")
    assert (ran.exit_code, ran["deleted"]) == (0, 450)
    assert tombstones(query) == set(gone)
    assert len([request for request in clerk.requests if "user_id=" in request.query]) == 5


def test_more_deletions_than_the_cap_delete_nobody(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(40)
    sync()
    gone = delete_at_clerk(clerk, 11)
    ran = sync()
    assert (ran.exit_code, ran["deleted"], ran["would_delete"]) == (3, 0, 11)
    assert tombstones(query) == set()
    assert sync("--max-deletes", "10").exit_code == 3
    assert sync("--max-deletes", "27%").exit_code == 3
    ran = sync("--max-deletes", "28%")
    assert (ran.exit_code, ran["deleted"]) == (0, 11)
    assert tombstones(query) == set(gone)


def test_by_default_a_twentieth_of_a_large_mirror_may_go(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(400)
    sync()
    delete_at_clerk(clerk, 20)
    assert sync()["deleted"] == 20
    delete_at_clerk(clerk, 20)
    assert sync().exit_code == 3


def add_orphans(query: Query, at: int) -> set[str]:
    """Make more live users than one statement brings, unknown to Clerk and created in one millisecond."""
    query(
        "INSERT INTO users (clerk_id, clerk_created_at, clerk_updated_at)"
        f" SELECT 'user_orphan' || lpad(number::text, 5, '0'), {at}, 1 FROM generate_series(1, {AT_ONCE + 150}) number"
    )
    return {f"user_orphan{number:05}" for number in range(1, AT_ONCE + 151)}


def test_more_missing_users_on_one_page_than_a_statement_brings_are_all_found(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(30)
    orphans = add_orphans(query, clerk.users.snapshot()[20].created_at)
    ran = sync("--max-deletes", "2000")
    assert (ran.exit_code, ran["seen"], ran["inserted"], ran["deleted"]) == (0, 30, 30, len(orphans))
    assert tombstones(query) == orphans
    assert rows_of(query) == rows_at(clerk)


@pytest.mark.parametrize("page", [0, 1])
def test_after_a_run_that_broke_off_among_them_the_next_one_loses_nobody(
    clerk: LocalClerk, sync: Command, query: Query, page: int
) -> None:
    clerk.users.seed(530)
    orphans = add_orphans(query, clerk.users.snapshot()[page * 500 + 20].created_at)
    broken = clerk.faults.add("/v1/users", when_param="user_id", after=3, status=400, times=None)
    assert sync("--max-deletes", "2000", *SEQUENTIAL)["status"] == "failed"
    clerk.faults.remove(broken)
    ran = sync("--resume", "--max-deletes", "2000", *SEQUENTIAL)
    assert (ran.exit_code, ran["resumed"], ran["deleted"]) == (0, page == 1, len(orphans))
    assert rows_of(query) == rows_at(clerk)
    assert tombstones(query) == orphans
