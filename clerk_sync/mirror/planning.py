"""Where to cut a long walk into windows of about equal size, so that they can be walked side by side.

Cuts only balance the work: windows cover all of time wherever they are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.mirror.windows import Window

SMALLEST_WINDOW = 1000  # users; a window costs up to one request more than its users need
SAMPLE = 50_000  # rows
ROUNDS = 5
MOST_CUTS = 64

CountBefore = Callable[[Sequence[int]], list[int]]
"""Answers how many users were created before each of these milliseconds."""


def count_windows(users: int, workers: int) -> int:
    """Return how many windows are worth having for ``users``."""
    return max(min(workers, users // SMALLEST_WINDOW), 1)


def split(window: Window, cuts: Sequence[int]) -> list[Window]:
    """Return ``window``, of which nothing has been walked, in pieces."""
    inside = sorted({cut for cut in cuts if _lies_inside(cut, window)})
    return [Window(start_ms=start, end_ms=end) for start, end in pairwise([window.start_ms, *inside, window.end_ms])]


_QUANTILES = text("""
SELECT percentile_disc(CAST(:shares AS double precision[])) WITHIN GROUP (ORDER BY clerk_created_at)
FROM users TABLESAMPLE SYSTEM (:percent)
WHERE deleted_at IS NULL AND clerk_created_at >= :start_ms
""")


def cuts_by_mirror(session: Session, start_ms: int, windows: int, rows: int) -> list[int]:
    """Return the cuts that divide the mirror's own users evenly: no request is needed where it is nearly right."""
    percent = min(100.0 * SAMPLE / max(rows, 1), 100.0)
    shares = [piece / windows for piece in range(1, windows)]
    values = {"shares": shares, "percent": percent, "start_ms": start_ms}
    return session.scalar(_QUANTILES, values) or []


def cuts_by_counting(
    count_before: CountBefore, start: tuple[int, int], end: tuple[int, int], windows: int
) -> list[int]:
    """Return cuts that divide Clerk's users about evenly; ``start`` and ``end`` are (millisecond, users before it).

    The stretch is cut evenly by time, then the crowded pieces again: sign-ups do not come evenly.
    """
    counted = dict([start, end])
    target = max((end[1] - start[1]) // windows, 1)
    for _ in range(ROUNDS):
        cuts = _cuts_of_crowded(counted, target)[:MOST_CUTS]
        counted |= zip(cuts, count_before(cuts), strict=True)
    return _even_cuts(counted, target)


def _cuts_of_crowded(counted: dict[int, int], target: int) -> list[int]:
    cuts: list[int] = []
    for start, end in pairwise(sorted(counted)):
        pieces = round((counted[end] - counted[start]) / target)
        if pieces >= 2 and end - start >= pieces:
            cuts.extend(start + (end - start) * piece // pieces for piece in range(1, pieces))
    return cuts


def _even_cuts(counted: dict[int, int], target: int) -> list[int]:
    """Join pieces that are smaller than three quarters of ``target`` to the one behind."""
    first, *between, _ = sorted(counted)
    cuts: list[int] = []
    taken = counted[first]
    for cut in between:
        if counted[cut] - taken >= target * 0.75:
            cuts.append(cut)
            taken = counted[cut]
    return cuts


def _lies_inside(cut: int, window: Window) -> bool:
    return (window.start_ms is None or cut > window.start_ms) and (window.end_ms is None or cut < window.end_ms)
