"""Search of mirrored users by name, e-mail, local id or Clerk id."""

from __future__ import annotations

import re
from typing import Annotated, LiteralString, NamedTuple

from msgspec import Meta
from msgspec.structs import asdict

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.local_users import LocalUser

LARGEST_ID = 2**63 - 1


class MirroredUser(LocalUser, frozen=True, kw_only=True):
    """One row of the mirror; a tombstone if it has ``deleted_at``. Clerk's own times are in milliseconds."""

    name: str


class UserKey(NamedTuple):
    """The position of a user in the list of all."""

    id: Annotated[int, Meta(ge=1, le=LARGEST_ID)]


class UsersFound(NamedTuple):
    """One page of users. ``next_key`` gets the next page; None on the last page."""

    users: list[MirroredUser]
    next_key: UserKey | None


_PAGE: LiteralString = f"""
SELECT {", ".join(LocalUser.__struct_fields__)} FROM users
WHERE id < %(id)s ORDER BY id DESC LIMIT %(rows)s
"""
_SEARCH: LiteralString = f"""
SELECT {", ".join(LocalUser.__struct_fields__)} FROM users
WHERE id < %(id)s AND (
    lower(email) LIKE lower(%(pattern)s) OR lower(concat_ws(' ', first_name, last_name)) LIKE lower(%(pattern)s)
    OR lower(username) LIKE lower(%(pattern)s) OR lower(clerk_id) LIKE lower(%(pattern)s)
) ORDER BY id DESC LIMIT %(rows)s
"""
_FIND_BY_CLERK_ID: LiteralString = "SELECT id FROM users WHERE clerk_id = %(clerk_id)s"
_FIND_BY_ID: LiteralString = "SELECT id FROM users WHERE id = %(id)s"


def search_users(transaction: SqlExecutor, query: str, *, after: UserKey | None, limit: int) -> UsersFound:
    """Return up to ``limit`` users after ``after``, newest row first, with ``query`` in names, e-mail or Clerk id."""
    values: dict[str, object] = {"id": after.id if after else LARGEST_ID, "rows": limit + 1}
    if query:
        rows = transaction.fetch_all(_SEARCH, values | {"pattern": f"%{_escape(query)}%"})
    else:
        rows = transaction.fetch_all(_PAGE, values)
    found = []
    for row in rows[:limit]:
        local = LocalUser.of(row)
        found.append(MirroredUser(**asdict(local), name=local.name))
    return UsersFound(found, UserKey(found[-1].id) if len(rows) > limit else None)


def _escape(text: str) -> str:
    """Return ``text`` without the special meaning of characters in a pattern of LIKE."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def find_user_id(transaction: SqlExecutor, reference: str) -> int | None:
    """Return the local id of the user with this local id or Clerk id (``user_…``), deleted or not."""
    if reference.startswith("user_"):
        rows = transaction.fetch_all(_FIND_BY_CLERK_ID, {"clerk_id": reference})
    elif re.fullmatch("[0-9]{1,19}", reference) and int(reference) <= LARGEST_ID:
        rows = transaction.fetch_all(_FIND_BY_ID, {"id": int(reference)})
    else:
        return None
    return rows[0][0] if rows else None
