"""The lock on the user whose rows are written. It is the only lock of the shop.

It serializes the writes of one user. It also delays the user's deletion, which then removes the new row. Every writer
locks the user first, as the deletion does, so there is no deadlock.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.shop.errors import OwnerDeletedError


class Owner(NamedTuple):
    """Proof that this user is not deleted and cannot be until the transaction ends."""

    id: int


_LOCK_OWNER = text("SELECT id FROM users WHERE id = :user_id AND deleted_at IS NULL FOR NO KEY UPDATE")


def lock_owner(session: Session, user_id: int) -> Owner:
    """Lock the user's row; raise OwnerDeletedError if the user is deleted or is being deleted."""
    found = session.scalar(_LOCK_OWNER, {"user_id": user_id})
    if found is None:
        raise OwnerDeletedError
    return Owner(found)
