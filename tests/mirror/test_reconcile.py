"""Sync makes the mirror equal to Clerk, and deletes nobody of whom Clerk has not said so: S1 to S9, and every guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.emulator import LocalClerk
from tests.clerk.scripted_api import FakeTime
from tests.conftest import clerk_event, clerk_user
from tests.local_clerk import Command, Query, meanwhile, rows_at, rows_of, tombstones, versions

Deliver = Callable[..., TestResponse]

SEQUENTIAL = ("--workers", "1")
LATE_MS = 1_900_000_000_000


def delete_at_clerk(clerk: LocalClerk, number: int, *, start: int = 0) -> list[str]:
    gone = [user.id for user in clerk.users.snapshot()[start : start + number]]
    for clerk_id in gone:
        clerk.users.delete(clerk_id)
    return gone


@pytest.mark.parametrize("users", [0, 1, 499, 500, 501, 1000])
def test_all_users_are_mirrored_whatever_their_number(
    clerk: LocalClerk, sync: Command, query: Query, users: int
) -> None:
    """S1"""
    clerk.users.seed(users)
    ran = sync()
    assert ran.exit_code == 0
    assert (ran["seen"], ran["inserted"], ran["failed"]) == (users, users, 0)
    assert rows_of(query) == rows_at(clerk)


def test_a_last_page_that_is_full_is_followed_by_one_empty_page(clerk: LocalClerk, sync: Command) -> None:
    """S1"""
    clerk.users.seed(1000)
    sync()
    assert len(clerk.requests.matching("/v1/users")) == 3


def test_a_rate_limited_walk_waits_as_long_as_it_is_told(
    clerk: LocalClerk, sync: Command, query: Query, fake_time: FakeTime
) -> None:
    """S2"""
    clerk.users.seed(600)
    clerk.faults.add("/v1/users", status=429, retry_after_s=3)
    assert sync(*SEQUENTIAL).exit_code == 0
    assert fake_time.slept_s == [3]
    assert rows_of(query) == rows_at(clerk)


def test_a_walk_backs_off_from_a_rate_limit_that_names_no_time(
    clerk: LocalClerk, sync: Command, query: Query, fake_time: FakeTime
) -> None:
    """S2"""
    clerk.users.seed(600)
    clerk.faults.add("/v1/users", status=429, after=1)
    assert sync(*SEQUENTIAL).exit_code == 0
    assert len(fake_time.slept_s) == 1
    assert rows_of(query) == rows_at(clerk)


def test_a_walk_outlasts_two_server_errors_and_a_torn_page(
    clerk: LocalClerk, sync: Command, query: Query, fake_time: FakeTime
) -> None:
    """S2"""
    clerk.users.seed(600)
    clerk.faults.add("/v1/users", status=500, times=2)
    clerk.faults.add("/v1/users", torn=True)
    assert sync(*SEQUENTIAL).exit_code == 0
    assert len(fake_time.slept_s) == 3
    assert rows_of(query) == rows_at(clerk)


def test_a_revoked_key_changes_nothing(clerk: LocalClerk, sync: Command, query: Query) -> None:
    """S3"""
    clerk.users.seed(3)
    sync()
    clerk.users.create(email="new@example.com")
    delete_at_clerk(clerk, 1)
    before = versions(query)
    clerk.faults.add("*", status=401, code="clerk_key_invalid", times=None)
    ran = sync()
    assert ran.exit_code == 2
    assert "clerk_key_invalid" in ran["reason"]
    assert versions(query) == before


def test_a_walk_that_fails_on_a_later_page_keeps_its_upserts_and_deletes_nobody(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    """S4"""
    clerk.users.seed(2000)
    sync()
    gone = delete_at_clerk(clerk, 3)
    changed = clerk.users.snapshot()[0].id
    clerk.users.update(changed, first_name="Changed")
    clerk.faults.add("/v1/users", when_param="starting_after", after=2, status=400, times=None)
    ran = sync(*SEQUENTIAL)
    assert ran.exit_code == 1
    assert (ran["status"], ran["updated"], ran["deleted"]) == ("failed", 1, 0)
    assert rows_of(query)[changed][1] == "Changed"
    assert set(gone) <= rows_of(query).keys()


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


def test_a_page_older_than_a_webhook_does_not_undo_it(
    clerk: LocalClerk, sync: Command, query: Query, deliver: Deliver
) -> None:
    """S7"""
    user = clerk.users.create(email="a@example.com", first_name="Page")
    newer = clerk_user(user["id"], first_name="Webhook", updated_at=LATE_MS)
    deliver(clerk_event("user.updated", newer, instance_id=clerk.instance_id))
    ran = sync()
    assert (ran.exit_code, ran["stale"]) == (0, 1)
    assert rows_of(query)[user["id"]][1] == "Webhook"


def test_the_key_of_another_instance_is_refused_before_any_user_is_written(
    clerk: LocalClerk, sync: Command, make_app: Callable[..., Flask], query: Query
) -> None:
    """S8"""
    clerk.users.seed(3)
    sync()
    before = versions(query)
    with LocalClerk.start(instance=2) as foreign:
        foreign.users.seed(3, seed=2)
        ran = sync(app=make_app(secret_key=foreign.secret_key, api_url=foreign.url))
    assert ran.exit_code == 3
    assert clerk.instance_id in ran["reason"]
    assert "rebind" in ran["reason"]
    assert versions(query) == before
    assert query("SELECT instance_id FROM mirror_binding") == [(clerk.instance_id,)]


@pytest.mark.parametrize("users", [20, 3000])
def test_a_second_run_writes_no_user_row(clerk: LocalClerk, sync: Command, query: Query, users: int) -> None:
    """S9"""
    clerk.users.seed(users)
    sync()
    before = versions(query)
    ran = sync()
    assert (ran.exit_code, ran["unchanged"]) == (0, users)
    assert versions(query) == before


def test_a_sync_repairs_a_row_that_differs_at_the_same_version(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(10)
    sync()
    query("UPDATE users SET first_name = 'Drifted' WHERE id = 4")
    assert sync()["updated"] == 1
    assert rows_of(query) == rows_at(clerk)


def test_a_free_mirror_is_bound_by_its_first_sync(clerk: LocalClerk, sync: Command, query: Query) -> None:
    sync()
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(clerk.instance_id, "sync")]


def test_without_an_instance_endpoint_the_key_set_names_the_instance(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.faults.add("/v1/instance", status=404, times=None)
    assert sync()["instance_id"] == clerk.instance_id


def test_a_test_key_for_a_production_instance_is_a_mistake(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    clerk.faults.add("/v1/instance", body={"id": clerk.instance_id, "environment_type": "production"}, times=None)
    ran = sync()
    assert ran.exit_code == 2
    assert "sk_test_" in ran["reason"]
    assert versions(query) == query("SELECT 1 FROM mirror_binding") == []


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


def test_many_missing_users_are_asked_for_a_hundred_at_a_time(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(700)
    sync()
    gone = delete_at_clerk(clerk, 450, start=100)
    clerk.requests.clear()
    ran = sync("--max-deletes", "100%")
    assert (ran.exit_code, ran["deleted"]) == (0, 450)
    assert tombstones(query) == set(gone)
    assert len([request for request in clerk.requests if "user_id=" in request.query]) == 5


def test_a_row_made_at_first_sight_is_filled(clerk: LocalClerk, clerk_app: Flask, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    query("INSERT INTO users (clerk_id) VALUES (%s)", clerk.users.snapshot()[3].id)
    ran = sync()
    assert (ran["inserted"], ran["updated"], ran["deleted"]) == (4, 1, 0)
    assert rows_of(query) == rows_at(clerk)


@pytest.mark.parametrize("others", [0, 5])
def test_a_row_made_at_first_sight_of_a_user_unknown_to_clerk_becomes_a_tombstone(
    clerk: LocalClerk, sync: Command, query: Query, others: int
) -> None:
    clerk.users.seed(others)
    query("INSERT INTO users (clerk_id) VALUES ('user_nobody')")
    assert sync()["deleted"] == 1
    assert tombstones(query) == {"user_nobody"}


def test_a_user_who_cannot_be_read_is_counted_and_never_deleted(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    sync()
    users: list[dict[str, Any]] = clerk.users.all()
    users[2]["updated_at"] = "yesterday"
    clerk.faults.add("/v1/users", body=users, times=None)
    ran = sync()
    assert (ran.exit_code, ran["status"], ran["failed"], ran["unchanged"]) == (1, "done", 1, 4)
    assert users[2]["id"] in rows_of(query)


def test_a_user_whose_id_cannot_be_read_costs_nobody_else(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(5)
    sync()
    users: list[dict[str, Any]] = clerk.users.all()
    users[4]["id"] = None
    clerk.faults.add("/v1/users", body=users, times=1)
    ran = sync()
    assert (ran.exit_code, ran["failed"], ran["deleted"]) == (1, 1, 0)
    assert rows_of(query) == rows_at(clerk)


def test_nobody_returns_from_the_dead(clerk: LocalClerk, sync: Command, query: Query, deliver: Deliver) -> None:
    user = clerk.users.create(email="a@example.com")
    gone = {"object": "user", "id": user["id"], "deleted": True}
    deliver(clerk_event("user.deleted", gone, instance_id=clerk.instance_id))
    ran = sync()
    assert (ran.exit_code, ran["stale"]) == (0, 1)
    assert tombstones(query) == {user["id"]}


def test_roles_survive_a_sync(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    sync()
    query("UPDATE users SET role = 'ADMIN' WHERE id = 2")
    clerk.users.update(clerk.users.snapshot()[1].id, first_name="Other")
    sync()
    assert query("SELECT count(*) FROM users WHERE role = 'ADMIN'") == [(1,)]
