"""The differences between the mirror and Clerk: counted, never repaired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clerk_sync.mirror.merge.diff import TOMBSTONE, Change
from clerk_sync.mirror.merge.merge import MergeResult
from clerk_sync.mirror.sync.steps import Step


@dataclass(slots=True)
class Drift:
    """Differences between the mirror and Clerk, in users; after a quick check, a lower bound.

    ``missing`` exist at Clerk only, ``orphaned`` exist here only, ``stale`` differ, ``buried`` are tombstones here but
    exist at Clerk, ``unreadable`` could not be compared.
    """

    instance_id: str | None = None
    clerk_users: int = 0
    mirror_users: int = 0
    missing: int = 0
    stale: int = 0
    orphaned: int = 0
    buried: int = 0
    unreadable: int = 0

    @property
    def is_in_step(self) -> bool:
        """Whether no difference was found."""
        return not (self.missing or self.stale or self.orphaned or self.buried)

    def add(self, step: Step) -> None:
        """Count what a step of a dry run has found."""
        self.instance_id = step.instance_id or self.instance_id
        self.clerk_users = step.checkpoint.expected if step.checkpoint else self.clerk_users
        self.orphaned += step.counts.missing
        self.unreadable += step.counts.failed
        self.count(step.changes)

    def count(self, changes: Iterable[Change]) -> None:
        """Count differences of users."""
        for change in changes:
            self.missing += change.merged is MergeResult.INSERTED
            self.stale += change.merged is MergeResult.UPDATED
            self.buried += change.merged is MergeResult.STALE and change.fields == TOMBSTONE
