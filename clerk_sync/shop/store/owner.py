"""Whose rows are written: the one lock of the room.

It makes one user's writes follow one another, and it holds off the deletion of that user until the row is there to be
removed. Every writer locks the user before anything else, as the deletion itself does: nobody waits in a circle.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.shop.errors import OwnerDeletedError


class Owner(NamedTuple):
    """Proof that this user is alive, and stays so until the transaction ends."""

    id: int


_LOCK_OWNER = text("SELECT id FROM users WHERE id = :user_id AND deleted_at IS NULL FOR NO KEY UPDATE")


def lock_owner(session: Session, user_id: int) -> Owner:
    """Return the proof that rows may be written for this user; raise OwnerGone if it is, or is being, deleted."""
    found = session.scalar(_LOCK_OWNER, {"user_id": user_id})
    if found is None:
        raise OwnerDeletedError
    return Owner(found)
