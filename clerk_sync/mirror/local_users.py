"""The local user of a session: found, or inserted as a placeholder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.prepared_statement import PreparedStatement
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.merge import merge_users

if TYPE_CHECKING:
    from clerk_sync.db.pool import ConnectionPool

Instant = Annotated[datetime, Meta(tz=True)]


class LocalUser(UserSnapshot, frozen=True, gc=False, kw_only=True):
    """One row of ``users``: the mirrored columns, and our own columns."""

    id: int
    role: str
    deleted_at: Instant | None
    synced_at: Instant
    created_at: Instant

    @classmethod
    def of(cls, row: Sequence[Any]) -> LocalUser:
        """Return the user of a row in the order of the struct's fields."""
        *mirrored, id_, role, deleted_at, synced_at, created_at = row
        return LocalUser(
            *mirrored, id=id_, role=role, deleted_at=deleted_at, synced_at=synced_at, created_at=created_at
        )

    @property
    def is_active(self) -> bool:
        """Whether this user may do anything here: neither deleted nor banned."""
        return self.deleted_at is None and not self.banned

    @property
    def name(self) -> str:
        """The name to show: full name, else username, else the local part of the e-mail, else the id."""
        full_name = " ".join(part for part in (self.first_name, self.last_name) if part).strip()
        local_part = self.email.partition("@")[0] if self.email else ""
        return full_name or self.username or local_part or self.clerk_id


_FIND_TEXT = f"SELECT {', '.join(LocalUser.__struct_fields__)} FROM users WHERE clerk_id = %(clerk_id)s"
_FIND = PreparedStatement("find_user", _FIND_TEXT, ["clerk_id"])


def find(pool: ConnectionPool, clerk_id: str) -> LocalUser | None:
    """Return the row of ``clerk_id``, deleted or not, or None."""
    rows = pool.fetch_all(_FIND, {"clerk_id": clerk_id})
    return LocalUser.of(rows[0]) if rows else None


def ensure_placeholder(transaction: SqlExecutor, clerk_id: str) -> None:
    """Insert a row for ``clerk_id`` unless there is one: role CLIENT, version 0. A webhook or sync fills it.

    Clerk is not called. The caller commits.
    """
    merge_users(transaction, [UserSnapshot(clerk_id)], event_at=0)
