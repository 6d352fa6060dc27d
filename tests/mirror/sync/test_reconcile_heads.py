"""Where Clerk takes long to answer, windows begin with pages that were read to find out where to cut."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from clerk_sync.emulator import LocalClerk
from tests.local_clerk import Command, Query, meanwhile, rows_at, rows_of, tombstones


@pytest.fixture(autouse=True)
def _slow(clerk: LocalClerk) -> None:
    clerk.faults.add("/v1/users/count", delay_s=0.15)


def limits(clerk: LocalClerk) -> list[str]:
    return [parse_qs(request.query)["limit"][0] for request in clerk.requests.matching("/v1/users")]


@pytest.mark.parametrize("users", [2501, 4500, 13_000])
def test_everybody_is_mirrored_once_and_no_page_is_read_twice(
    clerk: LocalClerk, sync: Command, query: Query, users: int
) -> None:
    clerk.users.seed(users)
    ran = sync()
    assert (ran.exit_code, ran["seen"], ran["inserted"], ran["failed"]) == (0, users, users, 0)
    assert rows_of(query) == rows_at(clerk)
    assert set(limits(clerk)) == {"500"}
    assert len(limits(clerk)) <= users / 500 * 1.1 + 3


def test_whoever_shares_the_millisecond_of_a_cut_is_mirrored_too(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    for place in range(3000):
        clerk.users.create(created_at=1_700_000_000_000 + place // 70)
    ran = sync()
    assert (ran.exit_code, ran["seen"], ran["inserted"]) == (0, 3000, 3000)
    assert rows_of(query) == rows_at(clerk)


def test_one_who_cannot_be_mapped_is_counted_once(clerk: LocalClerk, sync: Command, query: Query) -> None:
    for place in range(2600):
        email = f"{place}{'x' * 400}@example.com" if place in (980, 1200) else None
        clerk.users.create(email=email, created_at=1_700_000_000_000 + place)
    ran = sync()
    assert (ran["seen"], ran["inserted"], ran["failed"]) == (2600, 2598, 2)


def test_users_deleted_while_the_places_were_read_cost_nobody_else(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.users.seed(3000)
    users = clerk.users.snapshot()

    def delete_some() -> None:
        for user in users[600:640]:
            clerk.users.delete(user.id)

    with meanwhile(clerk, delete_some, after=3):
        assert sync().exit_code == 0
    assert sync().exit_code == 0
    assert rows_of(query) == rows_at(clerk)
    assert tombstones(query) <= {user.id for user in users[600:640]}


def test_whoever_is_gone_from_clerk_is_deleted(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(1900)
    sync()
    users = clerk.users.snapshot()
    clerk.users.seed(2500, seed=7, start_ms=users[0].created_at)
    clerk.users.delete(users[700].id)
    clerk.faults.add("/v1/users/count", delay_s=0.15)
    ran = sync()
    assert (ran.exit_code, ran["deleted"]) == (0, 1)
    assert tombstones(query) == {users[700].id}
    assert rows_of(query) == rows_at(clerk)


def test_an_import_within_one_millisecond_makes_nobody_a_candidate(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    for place in range(1400):
        clerk.users.create(created_at=1_700_000_000_000 + place)
    for _ in range(900):
        clerk.users.create(created_at=1_700_000_005_000)
    for place in range(2000):
        clerk.users.create(created_at=1_700_000_010_000 + place)
    # Some of them are here already, and the mirror is too empty to say where to cut.
    everybody = clerk.users.snapshot()
    for user in everybody[1400:2300]:
        query(
            "INSERT INTO users (clerk_id, clerk_created_at, clerk_updated_at) VALUES (%s, %s, 1)",
            user.id,
            user.created_at,
        )
    ran = sync("--workers", "4")
    assert (ran.exit_code, ran["seen"], ran["deleted"]) == (0, len(everybody), 0)
    assert not [request for request in clerk.requests if "user_id=" in request.query]
