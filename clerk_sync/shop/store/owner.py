"""The user whose rows are read or written, and the lock on their row. It is the only lock of the shop.

The lock serializes the writes of one user. It also delays the user's deletion, which then removes the new row. Every
writer locks the user first, as the deletion does, so there is no deadlock.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from clerk_sync.shop.db import users
from clerk_sync.shop.errors import OwnerDeletedError
from clerk_sync.shop.fields import LARGEST_ID


class Owner(NamedTuple):
    """Proof that this user is not deleted and cannot be until the transaction ends."""

    id: int


def lock_owner(session: Session, user_id: int) -> Owner:
    """Lock the user's row; raise OwnerDeletedError if the user is deleted or is being deleted."""
    active = select(users.c.id).where(users.c.id == user_id, users.c.deleted_at.is_(None))
    found = session.scalar(active.with_for_update(key_share=True))  # FOR NO KEY UPDATE
    if found is None:
        raise OwnerDeletedError
    return Owner(found)


def find_user_id(session: Session, reference: str) -> int | None:
    """Return the local id of the user with this local id or Clerk id (``user_…``), deleted or not."""
    if reference.startswith("user_"):
        return session.scalar(select(users.c.id).where(users.c.clerk_id == reference))
    if not re.fullmatch("[0-9]{1,19}", reference) or int(reference) > LARGEST_ID:
        return None
    return session.scalar(select(users.c.id).where(users.c.id == int(reference)))
