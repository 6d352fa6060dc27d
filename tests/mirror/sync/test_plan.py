"""Subdivision reads every user once, in few requests, and shares the work among the workers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import cast

import pytest

from clerk_sync.clerk.api.client import LARGEST_PAGE, ClerkApi, Instance
from clerk_sync.clerk.api.user_pages import UserPage
from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.mirror.sync.fetch import WindowQueue
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.run import Opening, plan
from clerk_sync.mirror.sync.windows import END_OF_TIME_MS, Window, WindowReader

YEAR_MS = 365 * 86_400_000
START_MS = 1_700_000_000_000
NOW = datetime.fromtimestamp((START_MS + YEAR_MS) / 1000, UTC)
WORKERS = 24


class Listing:
    """A list of users in memory. It answers what ClerkApi answers."""

    def __init__(self, created: Sequence[int]) -> None:
        self.created = created
        self.requests = 0

    def list_users(
        self,
        *,
        starting_after: str | None = None,
        created_at_after: int | None = None,
        created_at_before: int | None = None,
    ) -> UserPage:
        self.requests += 1
        start = bisect_right(self.created, created_at_after) if created_at_after is not None else 0
        if starting_after is not None:
            start = max(start, int(starting_after) + 1)
        end = bisect_left(self.created, created_at_before) if created_at_before is not None else len(self.created)
        places = range(start, min(end, start + LARGEST_PAGE))
        users = [UserSnapshot(str(place), clerk_created_at=self.created[place]) for place in places]
        return UserPage(users, [], str(places[-1]) if places else None)


def evenly(users: int) -> list[int]:
    return [START_MS + place * YEAR_MS // users for place in range(users)]


def at_random_times(users: int) -> list[int]:
    return sorted(START_MS + place for place in Random(users).sample(range(YEAR_MS * 9 // 10), users))


def mostly_in_one_hour(users: int) -> list[int]:
    crowd = [START_MS + YEAR_MS // 3 + place * 3_600_000 // users for place in range(users * 9 // 10)]
    return sorted(crowd + evenly(users // 10))


def in_one_millisecond(users: int) -> list[int]:
    return [START_MS + YEAR_MS // 2] * users


def growing(users: int) -> list[int]:
    return [START_MS + int(YEAR_MS * (place / users) ** 0.25) for place in range(users)]


def import_then_trickle(users: int) -> list[int]:
    return sorted([START_MS + place // 250 for place in range(users // 2)] + evenly(users - users // 2))


def in_bursts(users: int) -> list[int]:
    return [START_MS + place // 600 * YEAR_MS // (users // 600 + 1) + place % 600 for place in range(users)]


DISTRIBUTIONS = [evenly, mostly_in_one_hour, in_one_millisecond, growing, import_then_trickle, in_bursts]


def read_all(created: Sequence[int], workers: int = WORKERS) -> tuple[Listing, list[str], int]:
    """Read the list in rounds of at most ``workers`` requests. Return the ids and the number of rounds."""
    listing = Listing(created)
    api = cast("ClerkApi", listing)
    first = WindowReader(api, Window()).read_page()
    limits = RunLimits(before=NOW, live=0, filled=0, cap=0, workers=workers)
    checkpoint, page = plan(Opening(Instance("ins_1", ""), len(created), first), limits)
    assert page is not None
    ids = [user.clerk_id for user in page.users]
    queue = WindowQueue(api, checkpoint, page, limits)
    open_windows = queue.windows
    covered = [(page.since_ms, page.until_ms)]
    jobs = queue.jobs()
    rounds = 1
    while jobs:
        rounds += 1
        batch, jobs = jobs[:workers], jobs[workers:]
        for job in batch:
            (number, part, rest), following = job()
            del open_windows[number]
            open_windows |= rest
            covered.append((part.since_ms, part.until_ms))
            ids.extend(user.clerk_id for user in part.users)
            jobs.extend(following)
    assert not open_windows
    covered.sort()
    ends = [end for _, end in covered]
    assert [start for start, _ in covered[1:]] == ends[:-1]
    assert (covered[0][0], ends[-1]) == (1, END_OF_TIME_MS)
    return listing, ids, rounds


@pytest.mark.parametrize("users", [499, 500, 2_600, 20_000])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_parts_cover_all_of_time_and_show_every_user_once(
    distribution: Callable[[int], list[int]], users: int
) -> None:
    created = distribution(users)
    _, ids, _ = read_all(created)
    assert sorted(map(int, ids)) == list(range(len(created)))


@pytest.mark.parametrize(
    ("distribution", "requests", "rounds"),
    [
        (evenly, 420, 25),
        (mostly_in_one_hour, 520, 40),
        (growing, 480, 60),
        (import_then_trickle, 520, 40),
        (in_bursts, 550, 60),
    ],
)
def test_200_000_users_take_few_requests_and_rounds(
    distribution: Callable[[int], list[int]], requests: int, rounds: int
) -> None:
    listing, _, taken = read_all(distribution(200_000))
    assert (listing.requests <= requests, taken <= rounds) == (True, True), (listing.requests, taken)


@pytest.mark.parametrize(("users", "rounds"), [(5_000, 2), (20_000, 3), (50_000, 6)])
def test_no_worker_is_left_with_the_rest_of_the_list(users: int, rounds: int) -> None:
    _, _, taken = read_all(at_random_times(users))
    assert taken == rounds


def test_users_of_one_millisecond_cannot_be_shared() -> None:
    listing, _, _ = read_all(in_one_millisecond(20_000))
    assert listing.requests <= 70


def test_one_worker_reads_one_window() -> None:
    listing, _, _ = read_all(evenly(20_000), workers=1)
    assert listing.requests == 41


def test_clocks_that_differ_cost_balance_and_no_user() -> None:
    _, ids, _ = read_all([created + 2 * YEAR_MS for created in evenly(20_000)])
    assert len(ids) == 20_000
