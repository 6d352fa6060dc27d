"""The opening of a run: which instance answers, how many users it has, the first page, and how to walk the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from clerk_sync.clerk.api import LARGEST_PAGE, ClerkApi, Instance
from clerk_sync.mirror import planning
from clerk_sync.mirror.errors import EmptyListing, KeyMismatch
from clerk_sync.mirror.prefetch import in_parallel
from clerk_sync.mirror.steps import Cursor
from clerk_sync.mirror.terms import Terms
from clerk_sync.mirror.windows import Stretch, Walk, Window
from clerk_sync.transactions import Transaction

# The mirror's own users tell where to cut where it holds at least this share of Clerk's.
NEARLY_FULL = 0.8
ASKED_AT_ONCE = 32


class Opening(NamedTuple):
    """What Clerk answered first."""

    instance: Instance
    expected: int
    first: Stretch


def open_listing(api: ClerkApi, get_instance: Callable[[], Instance], workers: int) -> Opening:
    """Ask the three questions with which a run begins, at once where there are ``workers`` for it."""
    calls: list[Callable[[], Any]] = [get_instance, api.count_users, partial(_first_stretch, api)]
    return Opening(*in_parallel(calls, workers))


def _first_stretch(api: ClerkApi) -> Stretch:
    return next(iter(Walk(api, Window())))


def check_key(instance: Instance, secret_key: str) -> None:
    """Raise KeyMismatch where the key's prefix and the instance's environment contradict each other."""
    prefix = "sk_live_" if secret_key.startswith("sk_live_") else "sk_test_"
    if instance.environment_type and (prefix == "sk_live_") != (instance.environment_type == "production"):
        raise KeyMismatch(prefix, instance.environment_type)


def plan(transaction: Transaction, api: ClerkApi, opening: Opening, terms: Terms) -> tuple[Stretch | None, Cursor]:
    """Return the first page, to be taken as it is, and where the walk goes on from it in as many windows as pay."""
    _, expected, first = opening
    if first.count == 0 and terms.filled:
        raise EmptyListing(terms.filled)
    if first.count < min(LARGEST_PAGE, expected):
        # The server's pages are shorter than what is asked for, so a short page is not the last one: begin again.
        return None, Cursor(expected, max(first.count, 1), 0, [Window()], [])
    if first.rest is None:
        return first, Cursor(expected, LARGEST_PAGE, 0, [], [])
    users = expected - first.count
    size = planning.size_windows(users, terms.workers)
    if size >= users or terms.workers == 1:
        return first, Cursor(expected, LARGEST_PAGE, 0, [first.rest], [])
    start_ms = first.until_ms
    if terms.live >= expected * NEARLY_FULL:
        cuts = planning.cuts_by_mirror(transaction, start_ms, users, size)
    elif expected <= planning.MOST_PROBED_USERS:
        cuts = planning.cuts_by_probing(partial(_created_at, api), first.count, users, size)
    else:
        end_ms = int(terms.before.timestamp() * 1000)
        count_before = partial(_count_before, api)
        cuts = planning.cuts_by_counting(count_before, (start_ms, first.count), (end_ms, expected), size)
    # The windows begin at the page's last millisecond, so those users belong to them.
    first = replace(first, users=[user for user in first.users if user.clerk_created_at < start_ms], rest=None)
    return first, Cursor(expected, LARGEST_PAGE, 0, planning.split(Window(start_ms=start_ms), cuts), [])


def _count_before(api: ClerkApi, cuts: Sequence[int]) -> list[int]:
    return in_parallel([partial(api.count_users, created_at_before=cut) for cut in cuts], ASKED_AT_ONCE)


def _created_at(api: ClerkApi, places: Sequence[int]) -> list[int]:
    pages = in_parallel([partial(api.list_users, limit=1, offset=place) for place in places], ASKED_AT_ONCE)
    return [page.users[0].clerk_created_at for page in pages if page.users]
