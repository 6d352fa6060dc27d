"""The history of one user: the current row, deliveries, and changes of the role."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.queries import Delivery
from clerk_sync.mirror.reporting.user_queries import MirroredUser, UserKey, find_user_id, search_users


class RoleChange(NamedTuple):
    """One row of the audit, which a trigger writes."""

    old_role: str | None
    new_role: str
    changed_by: str
    application_name: str
    client_address: str | None
    changed_at: datetime


_EVENTS: LiteralString = f"""
SELECT {", ".join(Delivery._fields)} FROM webhook_events
WHERE clerk_id = %(clerk_id)s ORDER BY received_at DESC, svix_id DESC LIMIT %(rows)s
"""
_ROLE_CHANGES: LiteralString = f"""
SELECT {", ".join(RoleChange._fields)} FROM role_changes WHERE user_id = %(user_id)s ORDER BY id DESC LIMIT %(rows)s
"""


def find_mirrored_user(transaction: SqlExecutor, reference: str) -> MirroredUser | None:
    """Return the user with this local id or Clerk id (``user_…``), deleted or not."""
    user_id = find_user_id(transaction, reference)
    if user_id is None:
        return None
    # The search returns the user with the largest id up to this one. Rows are never removed, so it is this user.
    return search_users(transaction, "", after=UserKey(user_id + 1), limit=1).users[0]


def list_events_of(transaction: SqlExecutor, clerk_id: str, *, limit: int) -> list[Delivery]:
    """Return the newest deliveries about this user."""
    return [Delivery(*row) for row in transaction.fetch_all(_EVENTS, {"clerk_id": clerk_id, "rows": limit})]


def list_role_changes_of(transaction: SqlExecutor, user_id: int, *, limit: int) -> list[RoleChange]:
    """Return the newest changes of this user's role."""
    return [RoleChange(*row) for row in transaction.fetch_all(_ROLE_CHANGES, {"user_id": user_id, "rows": limit})]
