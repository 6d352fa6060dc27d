"""Sync while Clerk's list moves or misbehaves: handled, or a clear end; never a silent miss, a loop or a deletion."""

from __future__ import annotations

import pytest

from clerk_sync.emulator import LocalClerk
from tests.clerk.api.scripted_api import FakeTime
from tests.local_clerk import SEQUENTIAL, Command, Query, meanwhile, rows_at, rows_of, tombstones

PARALLEL = ("--workers", "8")


@pytest.mark.parametrize("ends_belong", [False, True])
@pytest.mark.parametrize("workers", ["1", "8", "64"])
def test_any_number_of_windows_mirrors_everybody_once(
    clerk: LocalClerk, sync: Command, query: Query, workers: str, ends_belong: bool
) -> None:
    clerk.quirks.window_ends_belong = ends_belong
    clerk.users.seed(4500)
    for inserted, unchanged in ((4500, 0), (0, 4500)):
        ran = sync("--workers", workers)
        assert (ran.exit_code, ran["seen"], ran["inserted"], ran["unchanged"]) == (0, 4500, inserted, unchanged)
    assert rows_of(query) == rows_at(clerk)


def test_in_step_a_run_costs_hardly_more_requests_than_there_are_pages(
    clerk: LocalClerk, sync: Command, fake_time: FakeTime
) -> None:
    clerk.users.seed(16_000)
    sync()
    clerk.requests.clear()
    assert sync()["unchanged"] == 16_000
    assert len(clerk.requests) <= 32 + 20


def test_an_import_within_one_millisecond_is_mirrored_and_nobody_is_asked_for(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    for _ in range(2200):
        clerk.users.create(created_at=1_700_000_000_000)
    sync(*PARALLEL)
    clerk.requests.clear()
    ran = sync(*PARALLEL)
    assert (ran.exit_code, ran["unchanged"]) == (0, 2200)
    assert rows_of(query) == rows_at(clerk)
    assert not [request for request in clerk.requests if "user_id=" in request.query]


@pytest.mark.parametrize("workers", [SEQUENTIAL, PARALLEL])
def test_users_created_deleted_and_back_dated_during_the_walk(
    clerk: LocalClerk, sync: Command, query: Query, workers: tuple[str, str]
) -> None:
    clerk.users.seed(4000)
    sync()
    users = clerk.users.snapshot()

    def change_the_world() -> None:
        clerk.users.create(email="new@example.com")
        clerk.users.delete(users[10].id)  # its page has been shown
        clerk.users.delete(users[3990].id)  # its page is still to come
        clerk.users.update(users[3800].id, created_at=users[5].created_at)
        clerk.users.update(users[2].id, created_at=users[3700].created_at)

    with meanwhile(clerk, change_the_world, after=1):
        ran = sync(*workers)
    assert ran.exit_code in (0, 3)
    assert tombstones(query) <= {users[10].id, users[3990].id}
    ran = sync(*workers)
    assert ran.exit_code == 0
    assert rows_of(query) == rows_at(clerk)
    assert tombstones(query) == {users[10].id, users[3990].id}


def test_a_cursor_that_jumps_over_users_is_noticed(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(900)
    cursor, last = clerk.users.snapshot()[499], clerk.users.snapshot()[-1]
    with meanwhile(clerk, lambda: clerk.users.update(cursor.id, created_at=last.created_at + 1)):
        ran = sync(*SEQUENTIAL)
    assert (ran.exit_code, ran["seen"], ran["deleted"]) == (3, 500, 0)
    assert "900" in ran["reason"]
    assert sync().exit_code == 0
    assert rows_of(query) == rows_at(clerk)


def test_pages_shorter_than_asked_for_do_not_end_the_walk(
    clerk: LocalClerk, sync: Command, query: Query, fake_time: FakeTime
) -> None:
    clerk.users.seed(95)
    clerk.faults.add("/v1/users", ignore_params=("limit",), times=None)
    ran = sync()
    assert (ran.exit_code, ran["inserted"]) == (0, 95)
    assert rows_of(query) == rows_at(clerk)


def test_a_page_cut_short_in_the_middle_is_noticed(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(1200)
    sync()
    clerk.faults.add("/v1/users", when_param="starting_after", ignore_params=("limit",), times=1)
    ran = sync(*SEQUENTIAL)
    assert (ran.exit_code, ran["deleted"]) == (3, 0)
    assert tombstones(query) == set()


def test_a_server_that_does_not_know_the_cursor_is_walked_all_the_same(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(3000)
    clerk.faults.add("/v1/users", when_param="starting_after", status=422, code="form_param_unknown", times=None)
    for workers in (SEQUENTIAL, PARALLEL):
        ran = sync(*workers)
        assert (ran.exit_code, ran["seen"]) == (0, 3000)
    assert rows_of(query) == rows_at(clerk)


def test_a_page_that_repeats_for_ever_ends_the_run(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(1200)
    clerk.faults.add("/v1/users", ignore_params=("starting_after", "offset"), times=None)
    ran = sync(*SEQUENTIAL)
    assert (ran.exit_code, ran["status"], ran["deleted"]) == (1, "failed", 0)
    assert len(rows_of(query)) == 500


def test_a_filter_that_is_ignored_ends_a_parallel_run_and_not_a_sequential_one(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(3000)
    clerk.faults.add("/v1/users", ignore_params=("created_at_after", "created_at_before"), times=None)
    clerk.faults.add("/v1/users/count", ignore_params=("created_at_before",), times=None)
    ran = sync(*PARALLEL)
    assert ran.exit_code == 1
    assert "--workers 1" in ran["reason"]
    assert sync(*SEQUENTIAL).exit_code == 0
    assert rows_of(query) == rows_at(clerk)
