"""The reconciliation: into the mirror whomever Clerk lists, and out of it whom Clerk no longer knows.

A generator of steps. The caller commits each one before it asks for the next; closing the generator is stopping, and
the cursor of the last step is where another process can go on. Nobody is deleted before the walk has come to its end
and has seen as many users as Clerk counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

from msgspec.structs import replace

from clerk_sync.clerk.api import MOST_IDS, ClerkApi
from clerk_sync.mirror.errors import ShortListing, TooManyMissing
from clerk_sync.mirror.missing import AT_ONCE, find_never_filled, find_not_shown, inquire
from clerk_sync.mirror.prefetch import Prefetch
from clerk_sync.mirror.sinks import Sink
from clerk_sync.mirror.steps import Counts, Cursor, Step
from clerk_sync.mirror.terms import Terms
from clerk_sync.mirror.windows import Stretch, Walk, Window
from clerk_sync.transactions import Transaction

# So many users may be left out of the list and yet be known by id: created_at can change while we walk.
MOST_HIDDEN = 100
MOST_HIDDEN_SHARE = 0.01


class Reconciliation:
    """One walk over everybody, from ``cursor`` on."""

    def __init__(self, transaction: Transaction, api: ClerkApi, sink: Sink, terms: Terms, cursor: Cursor) -> None:
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

    def steps(self, first: Stretch | None = None) -> Iterator[Step]:
        """Yield the work in steps, beginning with the page that the cursor already lies behind, if one is given.

        Raises ApiError where Clerk does not answer, Refused where a guard says no; neither deletes anybody.
        """
        if first is not None:
            yield from self._take(first)
        walks = [partial(Walk, self._api, window, self._cursor.page_size) for window in self._cursor.windows]
        with closing(iter(Prefetch(walks, self._terms.workers))) as stretches:
            for number, stretch in stretches:
                yield from self._take(stretch, number)
        yield from self._inquire_about(partial(find_never_filled, self._transaction, before=self._terms.before))
        while self._pending:
            yield from self._inquire()
        self._check_count()
        yield from self._bury()

    def _take(self, stretch: Stretch, number: int | None = None) -> Iterator[Step]:
        """Look for whoever is not on the page, then merge the page and leave the cursor behind it."""
        find = partial(
            find_not_shown,
            self._transaction,
            before=self._terms.before,
            since_ms=stretch.since_ms,
            until_ms=stretch.until_ms,
            shown=stretch.shown,
        )
        yield from self._inquire_about(find)
        counts, changes = self._sink.take(stretch.users)
        self._seen += stretch.count
        if number is not None:
            self._windows[number] = stretch.rest
        counts += Counts(seen=stretch.count, failed=len(stretch.unmappable))
        yield Step(counts, changes, tuple(stretch.unmappable), self._here())

    def _inquire_about(self, find: Callable[..., list[str]]) -> Iterator[Step]:
        """Collect candidates, and ask Clerk as soon as there are enough for a question."""
        last = ""
        while self._missing <= self._terms.cap:
            found = find(after=last)
            self._pending.extend(found)
            while len(self._pending) >= MOST_IDS:
                yield from self._inquire()
            if len(found) < AT_ONCE:
                return
            last = found[-1]

    def _inquire(self) -> Iterator[Step]:
        """Ask Clerk for the users who have waited longest: the known are merged, the unknown are missing."""
        # The transaction ends before Clerk is asked: that can take a minute.
        yield Step()
        clerk_ids = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_IDS))]
        if self._missing > self._terms.cap:
            return  # nothing will be deleted anyway
        answer = inquire(self._api, clerk_ids)
        counts = self._sink.take_found(answer.known)
        gone, changes = self._sink.note_missing(answer.unknown)
        self._missing += gone.missing
        self._hidden += len(answer.known)
        counts += gone + Counts(failed=len(answer.unmappable))
        yield Step(counts, changes, tuple(answer.unmappable), self._here())
        if self._hidden > max(MOST_HIDDEN, self._terms.live * MOST_HIDDEN_SHARE):
            raise ShortListing(f"Clerk's list leaves out at least {self._hidden} users whom Clerk knows by id")

    def _check_count(self) -> None:
        if self._seen >= self._cursor.expected:
            return
        # Users may have been deleted meanwhile: then both the walk and the second count are lower than the first.
        expected = min(self._cursor.expected, self._api.count_users())
        if self._seen < expected:
            raise ShortListing(f"Clerk's list showed {self._seen} users, and Clerk counts {expected}")

    def _bury(self) -> Iterator[Step]:
        if self._missing > self._terms.cap:
            raise TooManyMissing(self._missing, self._terms.cap)
        if self._missing:
            yield Step(Counts(deleted=self._sink.bury_missing()), cursor=self._here())

    def _here(self) -> Cursor:
        windows = [window for window in self._windows if window is not None]
        return replace(self._cursor, seen=self._seen, windows=windows, pending=list(self._pending))
