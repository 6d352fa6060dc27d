"""Clerk limits, fails and breaks off: a walk waits, tries again, and otherwise changes nothing it cannot answer for."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.clerk.api.scripted_api import FakeTime
from tests.local_clerk import SEQUENTIAL, Command, Query, delete_at_clerk, rows_at, rows_of, versions


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
