"""The targets of a sync run: the mirror, or only the report of a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import LiteralString, Protocol

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror import binding
from clerk_sync.mirror.errors import ForeignInstanceError
from clerk_sync.mirror.merge.diff import Change, find_differences
from clerk_sync.mirror.merge.listed_range import ListedRange, find_not_shown
from clerk_sync.mirror.merge.merge import READ_FROM_API, MergeResult, merge_page, merge_users, write_tombstones
from clerk_sync.mirror.sync import candidates, runs
from clerk_sync.mirror.sync.steps import Counts

SYNC_SETTINGS: LiteralString = (
    "SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = '10min'; SET LOCAL synchronous_commit = off"
)
"""The settings of a run's transactions. A run can wait longer than a webhook. It need not wait for the disk: if
PostgreSQL crashes, the last rows are lost together with their checkpoint, and ``--resume`` reads them again."""

READ_ONLY: LiteralString = "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '10min'"
"""The settings of a dry run's transactions: PostgreSQL refuses every write."""

_FLUSHED: LiteralString = "SET LOCAL synchronous_commit = on"


class SyncTarget(Protocol):
    """Takes the users that a run reads, and the ids that Clerk does not know."""

    def bind(self, instance_id: str) -> None:
        """Bind the mirror to this instance; raise ForeignInstanceError if it is bound to another."""

    def take(self, users: Sequence[UserSnapshot]) -> tuple[Counts, tuple[Change, ...]]:
        """Take users that were read from Clerk's API."""

    def take_page(
        self, users: Sequence[UserSnapshot], listed: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Take a page's users, and return also up to AT_ONCE ids of live users whom it leaves out."""

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:
        """Take users that were read by id. The list may show them as well, so ``seen`` does not count them."""

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Take ids that Clerk does not know."""

    def count_missing(self) -> int:
        """Return the number of missing ids."""

    def delete_missing(self) -> int:
        """Delete the missing users and return their number."""


class MirrorWriter:
    """Writes to the mirror, in transactions with SYNC_SETTINGS."""

    def __init__(self, transaction: SqlExecutor, run_id: int) -> None:
        self._transaction = transaction
        self._run_id = run_id

    def bind(self, instance_id: str) -> None:
        """Bind the mirror if it is bound to no instance."""
        bound = binding.bind(self._transaction, instance_id, bound_by="sync")
        if bound != instance_id:
            raise ForeignInstanceError(instance_id, bound)
        runs.name_instance(self._transaction, self._run_id, instance_id)

    def take(self, users: Sequence[UserSnapshot]) -> tuple[Counts, tuple[Change, ...]]:
        """Merge the users."""
        return _count(merge_users(self._transaction, users, event_at=READ_FROM_API)), ()

    def take_page(
        self, users: Sequence[UserSnapshot], listed: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Merge the users and find those left out, in one statement."""
        merged, not_shown = merge_page(self._transaction, users, listed)
        return _count(merged), (), not_shown

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:
        """Merge the users."""
        counts, _ = self.take(users)
        return Counts(inserted=counts.inserted, updated=counts.updated)

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Store the ids with the run."""
        return Counts(missing=candidates.note_missing(self._transaction, self._run_id, clerk_ids)), ()

    def count_missing(self) -> int:
        """Return the number of missing ids of this run, including those of a process that it resumes."""
        return candidates.count_missing(self._transaction, self._run_id)

    def delete_missing(self) -> int:
        """Write their tombstones; this transaction waits for the disk."""
        self._transaction.fetch_all(_FLUSHED)
        batches = candidates.list_missing(self._transaction, self._run_id)
        return sum(len(write_tombstones(self._transaction, clerk_ids)) for clerk_ids in batches)


def _count(merged: Mapping[str, MergeResult]) -> Counts:
    return Counts(**{kind.value: number for kind, number in Counter(merged.values()).items()})


class DryRun:
    """Compares without writing, in transactions that are READ_ONLY."""

    def __init__(self, transaction: SqlExecutor) -> None:
        self._transaction = transaction
        self._missing = 0

    def bind(self, instance_id: str) -> None:
        """Compare the binding."""
        bound = binding.find_binding(self._transaction)
        if bound is not None and bound != instance_id:
            raise ForeignInstanceError(instance_id, bound)

    def take(self, users: Sequence[UserSnapshot]) -> tuple[Counts, tuple[Change, ...]]:
        """Compare the users with the mirror."""
        changes = find_differences(self._transaction, users)
        counted = Counter(change.merged for change in changes)
        return Counts(**{kind.value: counted[kind] for kind in MergeResult}), tuple(changes)

    def take_page(
        self, users: Sequence[UserSnapshot], listed: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Compare the users with the mirror."""
        return *self.take(users), find_not_shown(self._transaction, listed)

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:  # noqa: ARG002 - the protocol wants it
        """Count nothing: the list counts these users."""
        return Counts()

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Count the ids."""
        self._missing += len(clerk_ids)
        return Counts(missing=len(clerk_ids)), tuple(Change(clerk_id, None) for clerk_id in clerk_ids)

    def count_missing(self) -> int:
        """Return the number of missing ids."""
        return self._missing

    def delete_missing(self) -> int:
        """Delete nobody."""
        return 0
