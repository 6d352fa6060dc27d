"""The opening of a run: which instance answers, how many users it has, the first page, and how to walk the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from msgspec.structs import replace

from clerk_sync.clerk.api.client import LARGEST_PAGE, ClerkApi, Instance
from clerk_sync.clerk.api.user_pages import UserPage
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.errors import EmptyListingError, KeyMismatchError
from clerk_sync.mirror.sync import plan as planning
from clerk_sync.mirror.sync.fetch import in_parallel
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Checkpoint
from clerk_sync.mirror.sync.windows import PageSlice, Window, WindowReader

# The mirror's own users tell where to cut where it holds at least this share of Clerk's.
NEARLY_FULL = 0.8
ASKED_AT_ONCE = 32
# Where a round of questions takes so long, it brings whole pages instead of places, and saves the next round.
SLOW_S = 0.1


class Opening(NamedTuple):
    """What Clerk answered first, and how long that took."""

    instance: Instance
    expected: int
    first: PageSlice
    seconds: float


class Plan(NamedTuple):
    """The first page, to be taken as it is; where the walk goes on; and the ``heads`` of windows that are read already.

    A head is the first page of the window with its number.
    """

    first: PageSlice | None
    cursor: Checkpoint
    heads: Mapping[int, UserPage] = {}


def open_listing(
    api: ClerkApi, get_instance: Callable[[], Instance], workers: int, *, clock: Callable[[], float] = monotonic
) -> Opening:
    """Ask the three questions with which a run begins, at once where there are ``workers`` for it."""
    asked_at = clock()
    calls: list[Callable[[], Any]] = [get_instance, api.count_users, partial(_first_stretch, api)]
    instance, expected, first = in_parallel(calls, workers)
    return Opening(instance, expected, first, clock() - asked_at)


def _first_stretch(api: ClerkApi) -> PageSlice:
    return next(iter(WindowReader(api, Window())))


def check_key(instance: Instance, secret_key: str) -> None:
    """Raise KeyMismatch where the key's prefix and the instance's environment contradict each other."""
    prefix = "sk_live_" if secret_key.startswith("sk_live_") else "sk_test_"
    if instance.environment_type and (prefix == "sk_live_") != (instance.environment_type == "production"):
        raise KeyMismatchError(prefix, instance.environment_type)


def plan(transaction: SqlExecutor, api: ClerkApi, opening: Opening, terms: RunLimits) -> Plan:
    """Return how to walk the list, in as many windows as pay."""
    _, expected, first, seconds = opening
    if first.count == 0 and terms.filled:
        raise EmptyListingError(terms.filled)
    if first.count < min(LARGEST_PAGE, expected):
        # The server's pages are shorter than what is asked for, so a short page is not the last one: begin again.
        return Plan(None, Checkpoint(expected, max(first.count, 1), 0, [Window()], []))
    if first.rest is None:
        return Plan(first, Checkpoint(expected, LARGEST_PAGE, 0, [], []))
    users = expected - first.count
    size = planning.size_windows(users, terms.workers)
    # If the first page tells no time, users may follow whom no window would cover: imports create some before 1970.
    if size >= users or terms.workers == 1 or first.rest.reached_ms is None:
        return Plan(first, Checkpoint(expected, LARGEST_PAGE, 0, [first.rest], []))
    start_ms = first.until_ms
    heads: dict[int, UserPage] = {}
    if terms.live >= expected * NEARLY_FULL:
        cuts = planning.cuts_by_mirror(transaction, start_ms, users, size)
    elif expected <= planning.MOST_PROBED_USERS:
        # For Clerk, far places are slow to find.
        heads = _probe(api, range(first.count + size, expected, size), LARGEST_PAGE if seconds > SLOW_S else 1)
        cuts = list(heads)
    else:
        end_ms = int(terms.before.timestamp() * 1000)
        count_before = partial(_count_before, api)
        cuts = planning.cuts_by_counting(count_before, (start_ms, first.count), (end_ms, expected), size)
    # The windows begin at the page's last millisecond, so those users belong to them.
    first = replace(first, users=[user for user in first.users if user.clerk_created_at < start_ms], rest=None)
    windows = planning.split(Window(start_ms=start_ms), cuts)
    return Plan(first, Checkpoint(expected, LARGEST_PAGE, 0, windows, []), _number_heads(windows, heads))


def _probe(api: ClerkApi, places: Sequence[int], limit: int) -> dict[int, UserPage]:
    """Return pages from these places of the list on, by the first millisecond that belongs to the page alone."""
    pages = in_parallel([partial(api.list_users, limit=limit, offset=place) for place in places], ASKED_AT_ONCE)
    # Whoever was made in the millisecond of a page's first user may stand in front of it.
    return {page.first_ms + 1: page for page in pages if page.first_ms is not None}


def _number_heads(windows: Sequence[Window], heads: Mapping[int, UserPage]) -> dict[int, UserPage]:
    found = ((number, heads.get(window.start_ms or 0)) for number, window in enumerate(windows))
    return {number: page for number, page in found if page and _is_head(page, windows[number])}


def _is_head(page: UserPage, window: Window) -> bool:
    # One who cannot be read may belong to the window before. And where a whole page was made in one millisecond, the
    # walk must not go on from there: it would begin before its window.
    return page.count == LARGEST_PAGE and not page.unmappable and (page.last_ms or 0) >= (window.start_ms or 0)


def _count_before(api: ClerkApi, cuts: Sequence[int]) -> list[int]:
    return in_parallel([partial(api.count_users, created_at_before=cut) for cut in cuts], ASKED_AT_ONCE)
