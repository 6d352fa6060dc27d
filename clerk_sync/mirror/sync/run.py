"""One sync run: merge the users that Clerk lists, delete those that Clerk no longer knows.

A generator of steps. The caller commits each step before it asks for the next. Closing the generator stops the run;
another process can resume at the checkpoint of the last step.

1. Ask Clerk at once for its instance, its number of users and the oldest page.
2. Prove that key, instance and mirror belong together. Nothing is written before it.
3. Merge each page, and collect the candidates: live users in its range that it does not show.
4. Ask Clerk about candidates by id, 100 at a time. A user whom Clerk does not know is missing.
5. After the last page, ask about users without a creation time: no range covers them.
6. Refuse to delete if the list showed fewer users than Clerk counts, or if more are missing than ``--max-deletes``.
7. Write the tombstones.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from clerk_sync.clerk.api.client import LARGEST_PAGE, MOST_IDS, ClerkApi, Instance
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.errors import EmptyListingError, KeyMismatchError, ShortListingError, TooManyMissingError
from clerk_sync.mirror.merge.listed_range import AT_ONCE, ListedRange, find_not_shown
from clerk_sync.mirror.sync.by_id import reconcile_users
from clerk_sync.mirror.sync.candidates import confirm_by_id, find_undated
from clerk_sync.mirror.sync.fetch import Prefetch, WindowQueue, in_parallel
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Checkpoint, Counts, Step
from clerk_sync.mirror.sync.targets import SyncTarget
from clerk_sync.mirror.sync.windows import PageSlice, Window, WindowReader

# The list may leave out this many users that Clerk knows by id: created_at can change during a run.
MOST_HIDDEN = 100
MOST_HIDDEN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class ClerkSource:
    """The Clerk instance that users are read from."""

    api: ClerkApi
    get_instance: Callable[[], Instance]
    secret_key: str


class Opening(NamedTuple):
    """Clerk's first responses."""

    instance: Instance
    expected: int
    first: PageSlice


def reconcile(
    transaction: SqlExecutor,
    source: ClerkSource,
    target: SyncTarget,
    limits: RunLimits,
    *,
    clerk_ids: tuple[str, ...] = (),
    checkpoint: Checkpoint | None = None,
) -> Generator[Step, None, None]:
    """Yield the steps of a run: over all users, over ``clerk_ids``, or over the rest behind ``checkpoint``."""
    if clerk_ids:
        yield _prove(source, target, source.get_instance())
        yield from reconcile_users(transaction, source.api, target, limits, clerk_ids)
    elif checkpoint is not None:
        yield _prove(source, target, source.get_instance())
        yield from Reconciliation(transaction, source.api, target, limits, checkpoint).steps()
    else:
        opening = open_listing(source.api, source.get_instance, limits.workers)
        yield _prove(source, target, opening.instance)
        checkpoint, first = plan(opening, limits)
        yield from Reconciliation(transaction, source.api, target, limits, checkpoint, first).steps()


def _prove(source: ClerkSource, target: SyncTarget, instance: Instance) -> Step:
    check_key(instance, source.secret_key)
    target.bind(instance.id)
    return Step(instance_id=instance.id)


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


class Reconciliation:
    """One reading of the whole list, from ``checkpoint`` on; ``first`` is the page just before it, if already read."""

    def __init__(
        self,
        transaction: SqlExecutor,
        api: ClerkApi,
        target: SyncTarget,
        limits: RunLimits,
        checkpoint: Checkpoint,
        first: PageSlice | None = None,
    ) -> None:
        self._transaction = transaction
        self._api = api
        self._target = target
        self._limits = limits
        self._checkpoint = checkpoint
        self._first = first
        self._queue = WindowQueue(api, checkpoint, first, limits)
        self._windows = self._queue.windows
        self._pending = deque(checkpoint.pending)
        self._seen = checkpoint.seen
        self._missing = target.count_missing()
        self._hidden = 0
        self._is_between_pages = True

    def steps(self) -> Iterator[Step]:
        """Yield the work in steps.

        Raises ApiError if Clerk does not answer and GuardRefusedError if a guard refuses; neither deletes a user.
        """
        if self._first is not None:
            yield from self._take(self._first, {})
        with closing(iter(Prefetch(self._queue.jobs(), self._limits.workers))) as pages:
            for number, page, rest in pages:
                del self._windows[number]
                yield from self._take(page, rest)
        undated = partial(find_undated, self._transaction, before=self._limits.before)
        yield from self._confirm_all(undated, undated())
        while self._pending:
            yield from self._confirm_batch()
        self._check_count()
        yield from self._write_tombstones()

    def _take(self, page: PageSlice, rest: Mapping[int, Window]) -> Iterator[Step]:
        """Merge the page, ask about users it leaves out, and move the checkpoint behind it."""
        listed = ListedRange(self._limits.before, page.since_ms, page.until_ms, page.shown)
        counts, changes, not_shown = self._target.take_page(page.users, listed)
        counts = dataclasses.replace(counts, seen=page.count, failed=len(page.unmappable))
        step = Step(counts, changes, tuple(page.unmappable))
        if len(not_shown) == AT_ONCE:
            # There may be more. Until all are found, the checkpoint stays before the page.
            yield step
            step = Step()
            self._is_between_pages = False
            yield from self._confirm_all(partial(find_not_shown, self._transaction, listed), not_shown)
            self._is_between_pages = True
        elif self._missing <= self._limits.cap:
            self._pending.extend(not_shown)
        self._seen += page.count
        self._windows |= rest
        yield dataclasses.replace(step, checkpoint=self._checkpoint_here())
        yield from self._confirm_full_batches()

    def _confirm_all(self, find: Callable[..., list[str]], found: list[str]) -> Iterator[Step]:
        """Collect candidates, ``found`` first, and ask Clerk when there are enough for one request."""
        while self._missing <= self._limits.cap:
            self._pending.extend(found)
            yield from self._confirm_full_batches()
            if len(found) < AT_ONCE:
                return
            found = find(after=found[-1])

    def _confirm_full_batches(self) -> Iterator[Step]:
        while len(self._pending) >= MOST_IDS:
            yield from self._confirm_batch()

    def _confirm_batch(self) -> Iterator[Step]:
        """Ask Clerk about the oldest candidates: merge known users, note unknown ones as missing."""
        # End the transaction before the request, which can take a minute.
        yield Step()
        clerk_ids = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_IDS))]
        if self._missing > self._limits.cap:
            return  # The run will be refused, so more answers change nothing.
        answer = confirm_by_id(self._api, clerk_ids)
        counts = self._target.take_found(answer.known)
        gone, changes = self._target.note_missing(answer.unknown)
        self._missing += gone.missing
        # The list may have shown users without a creation time: no range covers them.
        self._hidden += sum(user.clerk_created_at > 0 for user in answer.known)
        counts += gone + Counts(failed=len(answer.unmappable))
        yield Step(counts, changes, tuple(answer.unmappable), self._checkpoint_here())
        if self._hidden > max(MOST_HIDDEN, self._limits.live * MOST_HIDDEN_SHARE):
            raise ShortListingError(f"Clerk's list leaves out at least {self._hidden} users that Clerk knows by id")

    def _check_count(self) -> None:
        if self._seen >= self._checkpoint.expected:
            return
        # If users were deleted during the run, both the list and the second count are lower than the first count.
        expected = min(self._checkpoint.expected, self._api.count_users())
        if self._seen < expected:
            raise ShortListingError(f"Clerk's list showed {self._seen} users, and Clerk counts {expected}")

    def _write_tombstones(self) -> Iterator[Step]:
        if self._missing > self._limits.cap:
            raise TooManyMissingError(self._missing, self._limits.cap)
        if self._missing:
            yield Step(Counts(deleted=self._target.delete_missing()), checkpoint=self._checkpoint_here())

    def _checkpoint_here(self) -> Checkpoint | None:
        if not self._is_between_pages:
            return None
        windows = list(self._windows.values())
        return replace(self._checkpoint, seen=self._seen, windows=windows, pending=list(self._pending))
