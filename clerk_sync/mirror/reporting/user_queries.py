"""Search of mirrored users by name, e-mail, local id or Clerk id."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from clerk_sync.mirror.local_users import Instant, LocalUser
from clerk_sync.mirror.models import users

LARGEST_ID = 2**63 - 1


class MirroredUser(LocalUser, frozen=True, kw_only=True):
    """One row of the mirror; a tombstone if it has ``deleted_at``. Clerk's own times are in milliseconds."""

    name: str
    synced_at: Instant


class UserKey(NamedTuple):
    """The position of a user in the list of all."""

    id: Annotated[int, Meta(ge=1, le=LARGEST_ID)]


class UsersFound(NamedTuple):
    """One page of users. ``next_key`` gets the next page; None on the last page."""

    users: list[MirroredUser]
    next_key: UserKey | None


def search_users(session: Session, query: str, *, after: UserKey | None, limit: int) -> UsersFound:
    """Return up to ``limit`` users after ``after``, newest row first, with ``query`` in names, e-mail or Clerk id."""
    columns = users.c
    wanted = select(columns.synced_at, *(columns[name] for name in LocalUser.__struct_fields__))
    wanted = wanted.where(columns.id < (after.id if after else LARGEST_ID)).order_by(columns.id.desc()).limit(limit + 1)
    if query:
        full_name = func.concat_ws(" ", columns.first_name, columns.last_name)
        searched = (columns.email, full_name, columns.username, columns.clerk_id)
        wanted = wanted.where(or_(*(column.icontains(query, autoescape=True) for column in searched)))
    rows = session.execute(wanted).all()
    found = []
    for synced_at, *row in rows[:limit]:
        local = LocalUser.of(row)
        found.append(MirroredUser(**asdict(local), name=local.name, synced_at=synced_at))
    return UsersFound(found, UserKey(found[-1].id) if len(rows) > limit else None)


def find_user_id(session: Session, reference: str) -> int | None:
    """Return the local id of the user with this local id or Clerk id (``user_…``), deleted or not."""
    if reference.startswith("user_"):
        return session.scalar(select(users.c.id).where(users.c.clerk_id == reference))
    if not re.fullmatch("[0-9]{1,19}", reference) or int(reference) > LARGEST_ID:
        return None
    return session.scalar(select(users.c.id).where(users.c.id == int(reference)))
