"""What the merge would do with snapshots, without doing it: for dry runs and for the drift report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from clerk_sync.clerk.users import CONTENT_FIELDS, UserSnapshot
from clerk_sync.mirror.models import User
from clerk_sync.mirror.steps import Change
from clerk_sync.mirror.store import Merged

TOMBSTONE = ("deleted_at",)
"""The fields in which a tombstone differs from a user whom Clerk shows; no merge brings it back."""

_COLUMNS = [User.clerk_id, User.deleted_at, User.clerk_updated_at, *(getattr(User, name) for name in CONTENT_FIELDS)]


def find_differences(session: Session, users: Sequence[UserSnapshot]) -> list[Change]:
    """Return what merging ``users``, read from the API, would do with each of them; nothing is locked or written."""
    rows = session.execute(select(*_COLUMNS).where(User.clerk_id.in_([user.clerk_id for user in users])))
    known = {row.clerk_id: row for row in rows}
    return [_compare(user, known.get(user.clerk_id)) for user in users]


def _compare(user: UserSnapshot, row: Row[Any] | None) -> Change:
    if row is None:
        return Change(user.clerk_id, Merged.INSERTED)
    if row.deleted_at is not None:
        return Change(user.clerk_id, Merged.STALE, TOMBSTONE)
    if row.clerk_updated_at > user.clerk_updated_at:
        return Change(user.clerk_id, Merged.STALE)
    fields = tuple(name for name in CONTENT_FIELDS if getattr(row, name) != getattr(user, name))
    is_older = row.clerk_updated_at < user.clerk_updated_at
    if not fields and not is_older:
        return Change(user.clerk_id, Merged.UNCHANGED)
    return Change(user.clerk_id, Merged.UPDATED, fields + (("clerk_updated_at",) if is_older else ()))
