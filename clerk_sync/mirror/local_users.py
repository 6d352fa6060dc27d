"""The local user behind a session: found, or made at first sight."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.pool import AutocommitPool, PreparedStatement
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.merge import merge_users


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
    def is_active(self) -> bool:
        """Whether this user may do anything here: neither deleted nor banned."""
        return self.deleted_at is None and not self.banned

    @property
    def name(self) -> str:
        """What to call this user: full name, else username, else the e-mail's local part, else the id."""
        full_name = " ".join(part for part in (self.first_name, self.last_name) if part).strip()
        local_part = self.email.partition("@")[0] if self.email else ""
        return full_name or self.username or local_part or self.clerk_id


_FIND = PreparedStatement(
    "find_user",
    """
SELECT id, clerk_id, email, email_verified, first_name, last_name, username, image_url, role, banned, deleted_at,
       created_at
FROM users WHERE clerk_id = %(clerk_id)s
""",
    ["clerk_id"],
)


def find(statements: AutocommitPool, clerk_id: str) -> LocalUser | None:
    """Return the row of ``clerk_id``, deleted or not, or None."""
    rows = statements.fetch_all(_FIND, {"clerk_id": clerk_id})
    return LocalUser(*rows[0]) if rows else None


def ensure_placeholder(transaction: SqlExecutor, clerk_id: str) -> None:
    """Make a row for ``clerk_id``, unless there is one by now: role CLIENT, version 0.

    No call to Clerk: a webhook or sync fills the row. The caller commits.
    """
    merge_users(transaction, [first_sight(clerk_id)], event_at=0)


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
