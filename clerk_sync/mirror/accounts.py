"""The local user behind a session: found, or made at first sight."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.mirror.models import User
from clerk_sync.mirror.store import merge_users


class LocalUser(NamedTuple):
    """One row of ``users``, as the rest of the application sees it."""

    id: int
    clerk_id: str
    email: str | None
    email_verified: bool
    first_name: str | None
    last_name: str | None
    username: str | None
    image_url: str | None
    role: str
    banned: bool
    deleted_at: datetime | None
    created_at: datetime

    @property
    def name(self) -> str:
        """What to call this user: full name, else username, else the e-mail's local part, else the id."""
        full_name = " ".join(part for part in (self.first_name, self.last_name) if part).strip()
        local_part = self.email.partition("@")[0] if self.email else ""
        return full_name or self.username or local_part or self.clerk_id


COLUMNS = tuple(getattr(User, field) for field in LocalUser._fields)


def find(session: Session, clerk_id: str) -> LocalUser | None:
    """Return the row of ``clerk_id``, deleted or not, or None."""
    row = session.execute(select(*COLUMNS).where(User.clerk_id == clerk_id)).one_or_none()
    return LocalUser(*row) if row else None


def get_or_create(session: Session, clerk_id: str) -> LocalUser:
    """Return the row of ``clerk_id``; one that is not there yet is made with role CLIENT and version 0.

    No call to Clerk: a webhook or sync fills the row. The caller commits.
    """
    user = find(session, clerk_id)
    if user is not None:
        return user
    merge_users(session, [first_sight(clerk_id)], event_at=0)
    created = find(session, clerk_id)
    assert created is not None, "the merge has just made or found this row"  # noqa: S101 - states a guarantee
    return created


def first_sight(clerk_id: str) -> UserSnapshot:
    """Return what is known of a user whose token came before any word of them: nothing but the id."""
    return UserSnapshot(
        clerk_id=clerk_id,
        email=None,
        email_verified=False,
        first_name=None,
        last_name=None,
        username=None,
        image_url=None,
        banned=False,
        clerk_created_at=0,
        clerk_updated_at=0,
    )
