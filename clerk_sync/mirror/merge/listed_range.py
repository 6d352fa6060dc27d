"""A range of ``created_at`` that a page of Clerk's list covers, and the live users that the page leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor

AT_ONCE = 1000


class ListedRange(NamedTuple):
    """Clerk lists only ``shown`` from ``since_ms`` until ``until_ms``. A row made after ``before`` is not compared."""

    before: datetime
    since_ms: int
    until_ms: int
    shown: Sequence[str]


# created_at < before: a row that was made during the run may be newer than the page that lacks it.
IS_LEFT_OUT: LiteralString = """
deleted_at IS NULL AND created_at < %(before)s
AND clerk_created_at >= %(since_ms)s AND clerk_created_at < %(until_ms)s AND clerk_id <> ALL(%(shown)s)
"""
"""The condition for the rows of ``users`` that a range leaves out."""

_NOT_SHOWN: LiteralString = f"""
SELECT clerk_id FROM users WHERE {IS_LEFT_OUT} AND clerk_id > %(after)s ORDER BY clerk_id LIMIT {AT_ONCE}
"""


def find_not_shown(transaction: SqlExecutor, listed: ListedRange, *, after: str = "") -> list[str]:
    """Return up to AT_ONCE ids of live users that the range leaves out.

    If the result has AT_ONCE ids, call again with ``after`` set to the last one.
    """
    return [clerk_id for (clerk_id,) in transaction.fetch_all(_NOT_SHOWN, listed._asdict() | {"after": after})]
