"""What a run of sync has done, piece by piece: values that the caller commits, counts and shows."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Self

from msgspec import Struct

from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.mirror.merge.merge import MergeResult
from clerk_sync.mirror.sync.windows import Window


@dataclass(frozen=True, slots=True)
class Counts:
    """Users, by what became of them; in a dry run, by what would. ``missing`` are confirmed, not yet ``deleted``."""

    seen: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    missing: int = 0
    deleted: int = 0
    failed: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(mine + yours for mine, yours in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one user, in names of fields only; ``merged`` is None for one whom Clerk no longer knows."""

    clerk_id: str
    merged: MergeResult | None
    fields: tuple[str, ...] = ()


class Checkpoint(Struct, frozen=True):
    """Where a walk stands: enough to go on with it in another process.

    ``expected`` is Clerk's count at the start; ``pending`` are missing users of whom Clerk has not been asked yet.
    """

    expected: int
    page_size: int
    seen: int
    windows: list[Window]
    pending: list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work, to be committed before the next is asked for; ``instance_id`` once it is known."""

    counts: Counts = Counts()
    changes: tuple[Change, ...] = ()
    failures: tuple[UnusableUser, ...] = ()
    cursor: Checkpoint | None = field(default=None, repr=False)
    instance_id: str | None = None
