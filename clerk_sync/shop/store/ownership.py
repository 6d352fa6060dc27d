"""How much a user owns, the tombstone of a deleted one included."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class Belongings(NamedTuple):
    """Counts of what points at one user."""

    addresses: int
    cart_items: int
    orders: int


_COUNT = text("""
SELECT (SELECT count(*) FROM addresses WHERE user_id = :user_id),
       (SELECT coalesce(sum(quantity), 0) FROM cart_items WHERE user_id = :user_id),
       (SELECT count(*) FROM orders WHERE user_id = :user_id)
""")


def count_belongings(session: Session, user_id: int) -> Belongings:
    """Return what the user has; nothing for an unknown one."""
    return Belongings(*map(int, session.execute(_COUNT, {"user_id": user_id}).one()))
