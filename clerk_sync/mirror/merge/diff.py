"""Compares snapshots with rows and writes nothing: for dry runs and for the drift report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clerk_sync.clerk.users import CONTENT_FIELDS, UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.merge import MergeResult

TOMBSTONE = ("deleted_at",)
"""The field in which a tombstone differs from a user that Clerk lists."""

_FIND = f"""
SELECT deleted_at, {", ".join(UserSnapshot.__struct_fields__)} FROM users WHERE clerk_id = ANY(%(clerk_ids)s)
"""


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one user, by names of fields only. ``merged`` is None if Clerk no longer knows the user."""

    clerk_id: str
    merged: MergeResult | None
    fields: tuple[str, ...] = ()


class _Known(NamedTuple):
    deleted_at: datetime | None
    snapshot: UserSnapshot


def find_differences(transaction: SqlExecutor, users: Sequence[UserSnapshot]) -> list[Change]:
    """Return how a merge of ``users``, read from the API, would change each of them. Nothing is locked or written."""
    rows = transaction.fetch_all(_FIND, {"clerk_ids": [user.clerk_id for user in users]})
    known = {clerk_id: _Known(deleted_at, UserSnapshot(clerk_id, *rest)) for deleted_at, clerk_id, *rest in rows}
    return [_compare(user, known.get(user.clerk_id)) for user in users]


def _compare(user: UserSnapshot, known: _Known | None) -> Change:
    if known is None:
        return Change(user.clerk_id, MergeResult.INSERTED)
    if known.deleted_at is not None:
        return Change(user.clerk_id, MergeResult.STALE, TOMBSTONE)
    ours = known.snapshot
    if ours.clerk_updated_at > user.clerk_updated_at:
        return Change(user.clerk_id, MergeResult.STALE)
    fields = tuple(name for name in CONTENT_FIELDS if getattr(ours, name) != getattr(user, name))
    is_older = ours.clerk_updated_at < user.clerk_updated_at
    if not fields and not is_older:
        return Change(user.clerk_id, MergeResult.UNCHANGED)
    return Change(user.clerk_id, MergeResult.UPDATED, fields + (("clerk_updated_at",) if is_older else ()))
