"""The steps of a sync run: values that the caller commits, counts and prints."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Self

from msgspec import Struct

from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.mirror.merge.diff import Change
from clerk_sync.mirror.sync.windows import Window


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of users by result. ``missing`` are confirmed by Clerk, and not yet ``deleted``."""

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


class Checkpoint(Struct, frozen=True):
    """The progress of a run, from which another process can resume it.

    ``expected`` is Clerk's count at the start. ``pending`` are candidates about whom Clerk has not been asked yet.
    """

    expected: int
    page_size: int
    seen: int
    windows: list[Window]
    pending: list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step, to be committed before the next begins. Only the first has an ``instance_id``."""

    counts: Counts = Counts()
    changes: tuple[Change, ...] = ()
    failures: tuple[UnusableUser, ...] = ()
    checkpoint: Checkpoint | None = field(default=None, repr=False)
    instance_id: str | None = None
