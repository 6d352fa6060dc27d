"""Where to cut a long walk into windows of about equal size, so that they can be walked side by side.

Cuts only balance the work: windows cover all of time wherever they are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil
from typing import LiteralString

from clerk_sync.clerk.api.client import LARGEST_PAGE
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.sync.windows import Window

FEWEST_USERS = 2000  # that are worth more than one window
SAMPLE = 50_000  # rows
# Where cuts are estimates, each window may cost one request more than its users need.
MOST_ESTIMATED_WINDOWS = 16
MOST_PROBED_USERS = 100_000
SLACK = 20  # users: a window of somewhat less than full pages still fits them when somebody is missing here
ROUNDS = 4
MOST_CUTS = 64

CountBefore = Callable[[Sequence[int]], list[int]]
"""Answers how many users were created before each of these milliseconds."""


def size_windows(users: int, workers: int) -> int:
    """Return how many users a window should hold, so that ``workers`` share the fewest rounds of full pages."""
    if users < FEWEST_USERS:
        return max(users, 1)
    windows = min(workers, MOST_ESTIMATED_WINDOWS) if users > SAMPLE else workers
    pages = ceil(users / windows / LARGEST_PAGE)
    return pages * LARGEST_PAGE - SLACK


def split(window: Window, cuts: Sequence[int]) -> list[Window]:
    """Return ``window``, of which nothing has been walked, in pieces."""
    inside = sorted({cut for cut in cuts if _lies_inside(cut, window)})
    return [Window(start_ms=start, end_ms=end) for start, end in pairwise([window.start_ms, *inside, window.end_ms])]


_QUANTILES: LiteralString = """
SELECT percentile_disc(CAST(%(shares)s AS double precision[])) WITHIN GROUP (ORDER BY clerk_created_at)
FROM users TABLESAMPLE SYSTEM (%(percent)s)
WHERE deleted_at IS NULL AND clerk_created_at >= %(start_ms)s
"""


def cuts_by_mirror(transaction: SqlExecutor, start_ms: int, users: int, size: int) -> list[int]:
    """Return the cuts that give each window ``size`` of the mirror's own users: no request is needed for them."""
    percent = min(100.0 * SAMPLE / users, 100.0)
    shares = [number / users for number in range(size, users, size)]
    values = {"shares": shares, "percent": percent, "start_ms": start_ms}
    ((cuts,),) = transaction.fetch_all(_QUANTILES, values)
    return cuts or []


def cuts_by_counting(count_before: CountBefore, start: tuple[int, int], end: tuple[int, int], size: int) -> list[int]:
    """Return cuts that give each window about ``size`` of Clerk's users.

    ``start`` and ``end`` are a millisecond and how many users were created before it. The stretch is cut evenly by
    time, then the crowded pieces again: sign-ups do not come evenly.
    """
    counted = dict([start, end])
    if start[0] >= end[0]:
        return []  # the clocks differ; one window holds everybody
    # Finer than asked for, because each round of counting is a round of waiting.
    grain = max(size // 2, 1)
    for _ in range(ROUNDS):
        cuts = _cuts_of_crowded(counted, size, grain)[:MOST_CUTS]
        counted |= zip(cuts, count_before(cuts), strict=True)
    return _even_cuts(counted, size)


def _cuts_of_crowded(counted: dict[int, int], size: int, grain: int) -> list[int]:
    cuts: list[int] = []
    for start, end in pairwise(sorted(counted)):
        users = counted[end] - counted[start]
        pieces = ceil(users / grain)
        if users > size * 1.5 and end - start >= pieces:
            cuts.extend(start + (end - start) * piece // pieces for piece in range(1, pieces))
    return cuts


def _even_cuts(counted: dict[int, int], size: int) -> list[int]:
    """Join pieces until they hold three quarters of ``size``."""
    first, *between, _ = sorted(counted)
    cuts: list[int] = []
    taken = counted[first]
    for cut in between:
        if counted[cut] - taken >= size * 0.75:
            cuts.append(cut)
            taken = counted[cut]
    return cuts


def _lies_inside(cut: int, window: Window) -> bool:
    return (window.start_ms is None or cut > window.start_ms) and (window.end_ms is None or cut < window.end_ms)
