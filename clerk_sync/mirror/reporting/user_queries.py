"""Mirrored users, looked for by a person: by what they are called, or by either of their ids."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.mirror.models import User

Instant = Annotated[datetime, Meta(tz=True)]

LARGEST_ID = 2**63 - 1

_LOCAL_USER = tuple(getattr(User, field) for field in LocalUser._fields)


class MirroredUser(Struct):
    """One row of the mirror, a tombstone (``deleted_at``) included. Clerk's own times are in its milliseconds."""

    id: int
    clerk_id: str
    email: str | None
    email_verified: bool
    first_name: str | None
    last_name: str | None
    username: str | None
    image_url: str | None
    role: str
    banned: bool
    deleted_at: Instant | None
    created_at: Instant
    name: str
    clerk_created_at: int
    clerk_updated_at: int
    synced_at: Instant


class UserKey(NamedTuple):
    """The place of a user in the list of all."""

    id: Annotated[int, Meta(ge=1, le=LARGEST_ID)]


class UsersFound(NamedTuple):
    """Some users; ``next_key`` is where the next page goes on, None behind the last."""

    users: list[MirroredUser]
    next_key: UserKey | None


def search_users(session: Session, query: str, *, after: UserKey | None, limit: int) -> UsersFound:
    """Return up to ``limit`` users behind ``after``, newest row first, with ``query`` in names, e-mail or Clerk id."""
    wanted = select(*_LOCAL_USER, User.clerk_created_at, User.clerk_updated_at, User.synced_at)
    wanted = wanted.where(User.id < (after.id if after else LARGEST_ID)).order_by(User.id.desc()).limit(limit + 1)
    if query:
        full_name = func.concat_ws(" ", User.first_name, User.last_name)
        searched = (User.email, full_name, User.username, User.clerk_id)
        wanted = wanted.where(or_(*(column.icontains(query, autoescape=True) for column in searched)))
    rows = session.execute(wanted).all()
    users = []
    for row in rows[:limit]:
        local = LocalUser(*row[: len(_LOCAL_USER)])
        users.append(MirroredUser(*local, local.name, *row[len(_LOCAL_USER) :]))
    return UsersFound(users, UserKey(users[-1].id) if len(rows) > limit else None)


def find_user_id(session: Session, reference: str) -> int | None:
    """Return the local id of a user, deleted or not, who is named by either id: ours, or Clerk's ``user_…``."""
    if reference.startswith("user_"):
        return session.scalar(select(User.id).where(User.clerk_id == reference))
    if not re.fullmatch("[0-9]{1,19}", reference) or int(reference) > LARGEST_ID:
        return None
    return session.scalar(select(User.id).where(User.id == int(reference)))
