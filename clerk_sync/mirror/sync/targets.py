"""Where the findings of a walk go: into the mirror, or only into the report of a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import LiteralString, Protocol

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror import binding
from clerk_sync.mirror.errors import ForeignInstanceError
from clerk_sync.mirror.merge.diff import find_differences
from clerk_sync.mirror.merge.merge import READ_FROM_API, MergeResult, merge_page, merge_users, write_tombstones
from clerk_sync.mirror.sync import candidates, runs
from clerk_sync.mirror.sync.candidates import ListedRange
from clerk_sync.mirror.sync.steps import Change, Counts

SYNC_SETTINGS: LiteralString = (
    "SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = '10min'; SET LOCAL synchronous_commit = off"
)
"""What the transactions of a run begin with. It has time, unlike a webhook. And it may lose its last half second when
PostgreSQL falls: rows and cursor are lost together, so that resuming brings them back; waiting for the disk after each
page would bring nothing."""

READ_ONLY: LiteralString = "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '10min'"
"""What the transactions of a dry run begin with: the database itself refuses to be written."""

_FLUSHED: LiteralString = "SET LOCAL synchronous_commit = on"


class SyncTarget(Protocol):
    """What a reconciliation does with what it finds out."""

    def bind(self, instance_id: str) -> None:
        """Let the mirror be a copy of this instance; raise ForeignInstance where it is one of another."""

    def take(self, users: Sequence[UserSnapshot]) -> tuple[Counts, tuple[Change, ...]]:
        """Take users as Clerk's API shows them."""

    def take_page(
        self, users: Sequence[UserSnapshot], span: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Take the users of a page, and return up to AT_ONCE ids of live users whom it leaves out, too."""

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:
        """Take users who were asked for by id; those whom the list shows as well are counted there."""

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Take ids that Clerk does not know."""

    def count_missing(self) -> int:
        """Return how many missing ids were noted."""

    def bury_missing(self) -> int:
        """Delete the users noted as missing and return how many there were."""


class MirrorWriter:
    """The mirror itself, on behalf of a run; its transactions should be ``SYNC_SETTINGS``."""

    def __init__(self, transaction: SqlExecutor, run_id: int) -> None:
        self._transaction = transaction
        self._run_id = run_id

    def bind(self, instance_id: str) -> None:
        """Bind a mirror that is still free."""
        bound = binding.bind(self._transaction, instance_id, bound_by="sync")
        if bound != instance_id:
            raise ForeignInstanceError(instance_id, bound)
        runs.name_instance(self._transaction, self._run_id, instance_id)

    def take(self, users: Sequence[UserSnapshot]) -> tuple[Counts, tuple[Change, ...]]:
        """Merge the users."""
        return _count(merge_users(self._transaction, users, event_at=READ_FROM_API)), ()

    def take_page(
        self, users: Sequence[UserSnapshot], span: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Merge the users and look who is left out, in one statement."""
        merged, not_shown = merge_page(self._transaction, users, span)
        return _count(merged), (), not_shown

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:
        """Merge the users."""
        counts, _ = self.take(users)
        return Counts(inserted=counts.inserted, updated=counts.updated)

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Note the ids beside the run."""
        return Counts(missing=candidates.remember_missing(self._transaction, self._run_id, clerk_ids)), ()

    def count_missing(self) -> int:
        """Return how many missing ids this run has noted, in this process or in one before it."""
        return candidates.count_missing(self._transaction, self._run_id)

    def bury_missing(self) -> int:
        """Turn them into tombstones; this transaction waits for the disk."""
        self._transaction.fetch_all(_FLUSHED)
        batches = candidates.recall_missing(self._transaction, self._run_id)
        return sum(len(write_tombstones(self._transaction, clerk_ids)) for clerk_ids in batches)


def _count(merged: Mapping[str, MergeResult]) -> Counts:
    return Counts(**{kind.value: number for kind, number in Counter(merged.values()).items()})


class DryRun:
    """Nothing but a report; its transactions should be ``READ_ONLY``."""

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
        self, users: Sequence[UserSnapshot], span: ListedRange
    ) -> tuple[Counts, tuple[Change, ...], list[str]]:
        """Compare the users with the mirror."""
        return *self.take(users), candidates.find_not_shown(self._transaction, span)

    def take_found(self, users: Sequence[UserSnapshot]) -> Counts:  # noqa: ARG002 - the protocol wants it
        """Count nobody twice."""
        return Counts()

    def note_missing(self, clerk_ids: Sequence[str]) -> tuple[Counts, tuple[Change, ...]]:
        """Count the ids."""
        self._missing += len(clerk_ids)
        return Counts(missing=len(clerk_ids)), tuple(Change(clerk_id, None) for clerk_id in clerk_ids)

    def count_missing(self) -> int:
        """Return how many missing ids were counted."""
        return self._missing

    def bury_missing(self) -> int:
        """Delete nobody."""
        return 0
