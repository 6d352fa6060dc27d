"""Counts of the rows that a user owns, deleted users included."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class OwnedRows(NamedTuple):
    """Counts of one user's rows."""

    addresses: int
    cart_items: int
    orders: int


_COUNT = text("""
SELECT (SELECT count(*) FROM addresses WHERE user_id = :user_id),
       (SELECT coalesce(sum(quantity), 0) FROM cart_items WHERE user_id = :user_id),
       (SELECT count(*) FROM orders WHERE user_id = :user_id)
""")


def count_owned_rows(session: Session, user_id: int) -> OwnedRows:
    """Return the counts for one user, all 0 for an unknown user."""
    return OwnedRows(*map(int, session.execute(_COUNT, {"user_id": user_id}).one()))
