"""Listings that are empty, end too early or hide users: they are refused, and nobody is deleted for them."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.local_clerk import SEQUENTIAL, Command, Query, delete_at_clerk, rows_of, tombstones


def test_an_empty_listing_against_a_filled_mirror_is_refused(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    sync()
    delete_at_clerk(clerk, 3)
    ran = sync("--max-deletes", "100%")
    assert (ran.exit_code, ran["status"]) == (3, "refused")
    assert tombstones(query) == set()


def test_an_empty_listing_of_users_who_are_counted_is_refused(clerk: LocalClerk, sync: Command) -> None:
    clerk.users.seed(3)
    clerk.faults.add("/v1/users", body=[], times=None)
    ran = sync()
    assert ran.exit_code == 3
    assert "Clerk counts 3" in ran["reason"]


def test_a_list_that_ends_too_early_is_refused(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(600)
    sync()
    gone = delete_at_clerk(clerk, 1, start=598)
    clerk.faults.add("/v1/users", body=[], when_param="starting_after", times=None)
    ran = sync(*SEQUENTIAL)
    assert ran.exit_code == 3
    assert (ran["seen"], ran["would_delete"], ran["deleted"]) == (500, 1, 0)
    assert set(gone) <= rows_of(query).keys()


def test_a_list_that_hides_users_is_refused_though_every_page_looks_whole(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(20)
    users = clerk.users.all()
    clerk.faults.add("/v1/users", body=users[:19], times=1)
    # The walk is begun anew because the page is short; this is that page.
    clerk.faults.add("/v1/users", body=users[:19], times=1)
    clerk.faults.add("/v1/users", body=[], times=1, when_param="starting_after")
    ran = sync()
    assert ran.exit_code == 3
    assert "19" in ran["reason"]
    assert "20" in ran["reason"]
    assert len(rows_of(query)) == 19


def test_users_whom_the_list_hides_are_not_deleted(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(20)
    sync()
    hidden = clerk.users.snapshot()[5].id
    shown = [user for user in clerk.users.all() if user["id"] != hidden]
    clerk.users.delete(clerk.users.snapshot()[10].id)
    clerk.faults.add("/v1/users", body=shown, times=1)
    ran = sync()
    assert hidden in rows_of(query)
    assert tombstones(query) == set()
    assert ran.exit_code == 0


def test_a_list_that_hides_many_users_whom_clerk_knows_is_refused(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(400)
    sync()
    shown = clerk.users.all()[150:]
    clerk.faults.add("/v1/users/count", body={"object": "total_count", "total_count": len(shown)}, times=None)
    clerk.faults.add("/v1/users", body=shown, times=1)
    ran = sync()
    assert (ran.exit_code, ran["deleted"]) == (3, 0)
    assert "leaves out" in ran["reason"]


def test_users_whom_clerk_shows_only_one_by_one_are_not_deleted(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(20)
    sync()
    hidden = clerk.users.snapshot()[5].id
    gone = delete_at_clerk(clerk, 1, start=10)
    shown = [user for user in clerk.users.all() if user["id"] != hidden]
    clerk.faults.add("/v1/users/count", body={"object": "total_count", "total_count": 18}, times=None)
    clerk.faults.add("/v1/users", body=shown, times=1)
    clerk.faults.add("/v1/users", body=[], when_param="user_id", times=None)
    ran = sync()
    assert ran.exit_code == 0
    assert hidden in rows_of(query)
    assert tombstones(query) == set(gone)
