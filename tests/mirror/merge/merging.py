"""One user merged, and what PostgreSQL makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from clerk_sync.clerk.users import CONTENT_FIELDS, UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.merge import MergeResult, merge_users

Query = Callable[..., list[tuple[Any, ...]]]


def merge_one(transaction: SqlExecutor, user: UserSnapshot, *, at: int = 0) -> MergeResult:
    return merge_users(transaction, [user], event_at=at)[user.clerk_id]


def names(transaction: SqlExecutor) -> list[str | None]:
    return [name for (name,) in transaction.fetch_all("SELECT first_name FROM users ORDER BY clerk_id")]


def digest_of(user: UserSnapshot) -> str:
    """The digest that PostgreSQL makes of a row's content: md5 of its text form."""

    def form(value: object) -> str:
        if value is None:
            return ""
        return "t" if value is True else "f" if value is False else str(value)

    return hashlib.md5(
        f"({','.join(form(getattr(user, name)) for name in CONTENT_FIELDS)})".encode(), usedforsecurity=False
    ).hexdigest()
