"""The reconciliation: into the mirror whomever Clerk lists, and out of it whom Clerk no longer knows.

A generator of steps. The caller commits each one before it asks for the next; closing the generator is stopping, and
the cursor of the last step is where another process can go on. Nobody is deleted before the walk has come to its end
and has seen as many users as Clerk counts.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial

from msgspec.structs import replace

from clerk_sync.clerk.api.client import MOST_IDS, ClerkApi
from clerk_sync.clerk.api.user_pages import UserPage
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.errors import ShortListingError, TooManyMissingError
from clerk_sync.mirror.sync.candidates import AT_ONCE, ListedRange, confirm_by_id, find_not_shown, find_undated
from clerk_sync.mirror.sync.fetch import Prefetch
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Checkpoint, Counts, Step
from clerk_sync.mirror.sync.targets import SyncTarget
from clerk_sync.mirror.sync.windows import PageSlice, Window, WindowReader

# So many users may be left out of the list and yet be known by id: created_at can change while we walk.
MOST_HIDDEN = 100
MOST_HIDDEN_SHARE = 0.01

NO_HEADS: Mapping[int, UserPage] = {}


class Reconciliation:
    """One walk over everybody, from ``cursor`` on."""

    def __init__(
        self, transaction: SqlExecutor, api: ClerkApi, sink: SyncTarget, terms: RunLimits, cursor: Checkpoint
    ) -> None:
        self._transaction = transaction
        self._api = api
        self._sink = sink
        self._terms = terms
        self._cursor = cursor
        self._windows: list[Window | None] = list(cursor.windows)
        self._pending = deque(cursor.pending)
        self._seen = cursor.seen
        self._missing = sink.count_missing()
        self._hidden = 0
        self._is_between_pages = True

    def steps(self, first: PageSlice | None = None, heads: Mapping[int, UserPage] = NO_HEADS) -> Iterator[Step]:
        """Yield the work in steps, beginning with the page that the cursor already lies behind, if one is given.

        ``heads`` are pages with which the windows of these numbers begin.

        Raises ApiError where Clerk does not answer, Refused where a guard says no; neither deletes anybody.
        """
        if first is not None:
            yield from self._take(first)
        walks = [
            partial(WindowReader, self._api, window, self._cursor.page_size, heads.get(number))
            for number, window in enumerate(self._cursor.windows)
        ]
        with closing(iter(Prefetch(walks, self._terms.workers))) as stretches:
            for number, stretch in stretches:
                yield from self._take(stretch, number)
        undated = partial(find_undated, self._transaction, before=self._terms.before)
        yield from self._inquire_about(undated, undated())
        while self._pending:
            yield from self._inquire()
        self._check_count()
        yield from self._bury()

    def _take(self, stretch: PageSlice, number: int | None = None) -> Iterator[Step]:
        """Merge the page, ask about whoever is not on it, and leave the cursor behind it."""
        span = ListedRange(self._terms.before, stretch.since_ms, stretch.until_ms, stretch.shown)
        counts, changes, not_shown = self._sink.take_page(stretch.users, span)
        counts += Counts(seen=stretch.count, failed=len(stretch.unmappable))
        step = Step(counts, changes, tuple(stretch.unmappable))
        if len(not_shown) == AT_ONCE:
            # There may be more of them. Until all are found, the cursor stays in front of the page.
            yield step
            step = Step()
            self._is_between_pages = False
            yield from self._inquire_about(partial(find_not_shown, self._transaction, span), not_shown)
            self._is_between_pages = True
        elif self._missing <= self._terms.cap:
            self._pending.extend(not_shown)
        self._seen += stretch.count
        if number is not None:
            self._windows[number] = stretch.rest
        yield dataclasses.replace(step, cursor=self._here())
        yield from self._inquire_while_worth_it()

    def _inquire_about(self, find: Callable[..., list[str]], found: list[str]) -> Iterator[Step]:
        """Collect candidates, ``found`` first, and ask Clerk as soon as there are enough for a question."""
        while self._missing <= self._terms.cap:
            self._pending.extend(found)
            yield from self._inquire_while_worth_it()
            if len(found) < AT_ONCE:
                return
            found = find(after=found[-1])

    def _inquire_while_worth_it(self) -> Iterator[Step]:
        while len(self._pending) >= MOST_IDS:
            yield from self._inquire()

    def _inquire(self) -> Iterator[Step]:
        """Ask Clerk for the users who have waited longest: the known are merged, the unknown are missing."""
        # The transaction ends before Clerk is asked: that can take a minute.
        yield Step()
        clerk_ids = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_IDS))]
        if self._missing > self._terms.cap:
            return  # nothing will be deleted anyway
        answer = confirm_by_id(self._api, clerk_ids)
        counts = self._sink.take_found(answer.known)
        gone, changes = self._sink.note_missing(answer.unknown)
        self._missing += gone.missing
        # The list may well have shown users without a creation time: no span says where.
        self._hidden += sum(user.clerk_created_at > 0 for user in answer.known)
        counts += gone + Counts(failed=len(answer.unmappable))
        yield Step(counts, changes, tuple(answer.unmappable), self._here())
        if self._hidden > max(MOST_HIDDEN, self._terms.live * MOST_HIDDEN_SHARE):
            raise ShortListingError(f"Clerk's list leaves out at least {self._hidden} users whom Clerk knows by id")

    def _check_count(self) -> None:
        if self._seen >= self._cursor.expected:
            return
        # Users may have been deleted meanwhile: then both the walk and the second count are lower than the first.
        expected = min(self._cursor.expected, self._api.count_users())
        if self._seen < expected:
            raise ShortListingError(f"Clerk's list showed {self._seen} users, and Clerk counts {expected}")

    def _bury(self) -> Iterator[Step]:
        if self._missing > self._terms.cap:
            raise TooManyMissingError(self._missing, self._terms.cap)
        if self._missing:
            yield Step(Counts(deleted=self._sink.bury_missing()), cursor=self._here())

    def _here(self) -> Checkpoint | None:
        if not self._is_between_pages:
            return None
        windows = [window for window in self._windows if window is not None]
        return replace(self._cursor, seen=self._seen, windows=windows, pending=list(self._pending))
