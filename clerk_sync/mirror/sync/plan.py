"""Read Clerk's list of users with several workers: n-ary subdivision of ``created_at`` on a work queue.

1. Ask Clerk at once for its instance, its number of users and the oldest page (``open_listing``).
2. Put the rest of the list on the queue as one window.
3. A worker takes a window and reads one page of it.
4. If the page was the window's last, the window is done.
5. Else estimate how many users the rest of the window holds: the page's users per millisecond, times the milliseconds
   that are left; at most the users that no other window is expected to hold. The only window holds exactly those.
6. If the rest holds more than one worker's share, cut it into equal parts of time.
7. Put the parts, or the uncut rest, on the queue. The run ends when the queue is empty.

A wrong estimate costs requests or balance, never a user: the parts always cover the whole rest. No request is spent on
estimates: 200,000 users take about 415 requests, and 400 of them are full pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from threading import Lock
from typing import Any, NamedTuple

from clerk_sync.clerk.api.client import LARGEST_PAGE, ClerkApi, Instance
from clerk_sync.mirror.errors import EmptyListingError, KeyMismatchError
from clerk_sync.mirror.sync.fetch import Job, in_parallel
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Checkpoint
from clerk_sync.mirror.sync.windows import FIRST_MS, PageSlice, Window, WindowReader

FEWEST_USERS = 2000  # Fewer users are read faster by one worker than by several.
# Equal parts of time hold equal numbers of users only on average: leave space on the last page.
FEWEST_USERS_PER_WINDOW = 400
CUT_ABOVE = 1.5  # times a worker's share
# A page tells its users per millisecond to about a tenth. Parts that are too long cost an empty last part. Parts that
# are too short leave the rest of the list to one worker.
LONGER_PARTS = 1.1
# Sign-ups in bursts mislead the estimate again and again. This bounds the requests for empty windows.
MOST_WINDOWS_PER_WORKER = 4


class Opening(NamedTuple):
    """Clerk's first responses."""

    instance: Instance
    expected: int
    first: PageSlice


class WindowPage(NamedTuple):
    """A page of the window with this number, and the windows that replace it, by number."""

    number: int
    page: PageSlice
    rest: Mapping[int, Window]


def open_listing(api: ClerkApi, get_instance: Callable[[], Instance], workers: int) -> Opening:
    """Send the three requests with which a run begins, in parallel if ``workers`` allows it."""
    calls: list[Callable[[], Any]] = [get_instance, api.count_users, WindowReader(api, Window()).read_page]
    return Opening(*in_parallel(calls, workers))


def check_key(instance: Instance, secret_key: str) -> None:
    """Raise KeyMismatchError if the key's prefix and the instance's environment contradict each other."""
    prefix = "sk_live_" if secret_key.startswith("sk_live_") else "sk_test_"
    if instance.environment_type and (prefix == "sk_live_") != (instance.environment_type == "production"):
        raise KeyMismatchError(prefix, instance.environment_type)


def plan(opening: Opening, limits: RunLimits) -> tuple[Checkpoint, PageSlice | None]:
    """Return where to begin, and the first page; None if that page has to be read again."""
    expected, first = opening.expected, opening.first
    if first.count == 0 and limits.filled:
        raise EmptyListingError(limits.filled)
    if first.count < min(LARGEST_PAGE, expected):
        # The server's pages are shorter than requested, so a short page is not the last one: begin again.
        return Checkpoint(expected, max(first.count, 1), 0, [Window()], []), None
    return Checkpoint(expected, LARGEST_PAGE, 0, [first.rest] if first.rest else [], []), first


class WindowQueue:
    """The windows of a run that are not read to their end. Safe to use from several threads."""

    def __init__(self, api: ClerkApi, checkpoint: Checkpoint, first: PageSlice | None, limits: RunLimits) -> None:
        self._api = api
        self._page_size = checkpoint.page_size
        self._workers = limits.workers
        self._now_ms = int(limits.before.timestamp() * 1000)
        self._users_left = checkpoint.expected - checkpoint.seen
        self._share = self._users_left / limits.workers
        self._made = len(checkpoint.windows)
        # Users that each open window is expected to hold, by number.
        self._expected = dict.fromkeys(range(self._made), self._users_left / max(self._made, 1))
        self._lock = Lock()
        self._readers = {number: self._reader(window) for number, window in enumerate(checkpoint.windows)}
        if first is not None and self._readers:
            self._readers = self._subdivide(0, self._readers[0], first)

    @property
    def windows(self) -> dict[int, Window]:
        """The windows with which the run begins, by number."""
        return _windows(self._readers)

    def jobs(self) -> list[Job[WindowPage]]:
        """Return one job for each window. A job reads one page and returns the jobs that follow it."""
        return [partial(self._read, number, reader) for number, reader in self._readers.items()]

    def _read(self, number: int, reader: WindowReader) -> tuple[WindowPage, list[Job[WindowPage]]]:
        page = reader.read_page()
        rest = self._subdivide(number, reader, page)
        jobs: list[Job[WindowPage]] = [partial(self._read, each, part) for each, part in rest.items()]
        return WindowPage(number, page, _windows(rest)), jobs

    def _subdivide(self, number: int, reader: WindowReader, page: PageSlice) -> dict[int, WindowReader]:
        with self._lock:
            self._users_left -= page.count
            expected = self._expected.pop(number)
            window = reader.window
            if window is None:
                return {}
            cuts, users_each = self._cuts(window, page)
            self._expected[number] = users_each if cuts else max(expected - page.count, 0)
            first_number = self._made
            self._made += len(cuts)
            self._expected |= dict.fromkeys(range(first_number, self._made), users_each)
        if not cuts:
            return {number: reader}
        ends_ms = [*cuts[1:], window.end_ms]
        reader.end_at(cuts[0])
        parts = [Window(start_ms=start, end_ms=end) for start, end in zip(cuts, ends_ms, strict=True)]
        return {number: reader} | {first_number + place: self._reader(part) for place, part in enumerate(parts)}

    def _cuts(self, window: Window, page: PageSlice) -> tuple[list[int], float]:
        """Return the milliseconds at which to cut ``window`` behind ``page``, and the users expected in each part."""
        times_ms = [user.clerk_created_at for user in page.users if user.clerk_created_at]
        reached_ms = window.reached_ms
        is_limit_reached = self._workers == 1 or self._made >= self._workers * MOST_WINDOWS_PER_WORKER
        if is_limit_reached or not times_ms or not reached_ms:
            return [], 0
        # The window of the first page has no beginning.
        since_ms = times_ms[0] if page.since_ms <= FIRST_MS else page.since_ms
        end_ms = self._now_ms if window.end_ms is None else window.end_ms
        users_per_ms = page.count / max(reached_ms - since_ms, 1)
        users = self._users_left - sum(self._expected.values())
        if self._expected:
            users = min(users, users_per_ms * (end_ms - reached_ms))
        if users < FEWEST_USERS or users < self._share * CUT_ABOVE:
            return [], 0
        parts = min(self._workers, ceil(users / max(self._share, FEWEST_USERS_PER_WINDOW)))
        horizon_ms = min(end_ms, reached_ms + int(users / users_per_ms * LONGER_PARTS))
        part_ms = (horizon_ms - reached_ms) // parts
        if part_ms < 1:
            return [], 0
        cuts = [reached_ms + part_ms * part for part in range(1, parts)]
        return ([*cuts, horizon_ms] if horizon_ms < end_ms else cuts), users / parts

    def _reader(self, window: Window) -> WindowReader:
        return WindowReader(self._api, window, self._page_size)


def _windows(readers: Mapping[int, WindowReader]) -> dict[int, Window]:
    return {number: reader.window for number, reader in readers.items() if reader.window is not None}
