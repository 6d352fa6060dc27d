"""Windows cover all of time, and share the work about evenly."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from clerk_sync.mirror.sync.plan import cuts_by_counting, size_windows, split
from clerk_sync.mirror.sync.windows import Window

YEAR_MS = 365 * 86_400_000


def evenly(users: int) -> list[int]:
    return [place * YEAR_MS // users for place in range(users)]


def mostly_in_one_hour(users: int) -> list[int]:
    crowd = [YEAR_MS // 3 + place * 3_600_000 // users for place in range(users * 9 // 10)]
    return sorted(crowd + evenly(users // 10))


def in_one_millisecond(users: int) -> list[int]:
    return [YEAR_MS // 2] * users


def growing(users: int) -> list[int]:
    return [int(YEAR_MS * (place / users) ** 0.25) for place in range(users)]


@pytest.mark.parametrize("distribution", [evenly, mostly_in_one_hour, growing])
def test_counting_shares_the_work(distribution: Callable[[int], list[int]]) -> None:
    created = distribution(160_000)
    asked: list[int] = []

    def count_before(cuts: Sequence[int]) -> list[int]:
        asked.extend(cuts)
        return [bisect_left(created, cut) for cut in cuts]

    cuts = cuts_by_counting(count_before, (0, 0), (YEAR_MS, len(created)), 10_000)
    sizes = [bisect_left(created, end) - bisect_left(created, start) for start, end in pairwise([0, *cuts, YEAR_MS])]
    assert sum(sizes) == len(created)
    assert max(sizes) <= 2 * len(created) / 16
    assert len(asked) <= 120


def test_users_of_one_millisecond_cannot_be_shared() -> None:
    created = in_one_millisecond(160_000)
    cuts = cuts_by_counting(
        lambda cuts: [bisect_left(created, cut) for cut in cuts], (0, 0), (YEAR_MS, len(created)), 10_000
    )
    assert len(cuts) <= 2


def test_clocks_that_differ_cost_the_cuts_and_nothing_else() -> None:
    assert cuts_by_counting(lambda cuts: [0] * len(cuts), (YEAR_MS, 500), (YEAR_MS, 160_000), 10_000) == []


def test_windows_tile_what_they_were_cut_from() -> None:
    windows = split(Window(start_ms=10), [20, 10, 5, 30, 20])
    assert windows == [Window(start_ms=10, end_ms=20), Window(start_ms=20, end_ms=30), Window(start_ms=30)]


@pytest.mark.parametrize(
    ("users", "workers", "size"),
    [(0, 24, 1), (1999, 24, 1999), (19_500, 24, 980), (19_500, 1, 19_480), (1_000_000, 24, 62_480), (3000, 64, 480)],
)
def test_windows_hold_somewhat_less_than_full_pages(users: int, workers: int, size: int) -> None:
    assert size_windows(users, workers) == size
