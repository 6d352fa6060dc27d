"""The state of the mirror, as an operator asks for it: how full, how fresh, what is stuck."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.mirror.inbox import WAITING

Instant = Annotated[datetime, Meta(tz=True)]


class UserCounts(Struct):
    """How many users the mirror holds; ``never_filled`` of the live ones are known by a session only."""

    live: int
    deleted: int
    never_filled: int


class ReceivedEvent(Struct):
    """The newest delivery in the inbox."""

    type: str | None
    outcome: str
    received_at: Instant


class SyncRun(Struct):
    """The newest run of sync, perhaps still running."""

    kind: str
    status: str
    started_at: Instant
    ended_at: Instant | None
    seen: int
    inserted: int
    updated: int
    unchanged: int
    stale: int
    deleted: int
    failed: int
    reason: str | None


class MirrorState(Struct):
    """Whether the mirror lives: a last event that is old while users come and go means that webhooks do not arrive."""

    instance_id: str | None
    users: UserCounts
    last_event: ReceivedEvent | None
    parked: int
    last_run: SyncRun | None


_COUNT_USERS = text("""
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*) FILTER (WHERE deleted_at IS NOT NULL),
       count(*) FILTER (WHERE deleted_at IS NULL AND clerk_updated_at = 0)
FROM users
""")
_LAST_EVENT = text("SELECT type, outcome, received_at FROM webhook_events ORDER BY received_at DESC LIMIT 1")
_COUNT_PARKED = text(f"SELECT count(*) FROM webhook_events WHERE {WAITING}")
_LAST_RUN = text(f"SELECT {', '.join(SyncRun.__struct_fields__)} FROM sync_runs ORDER BY started_at DESC LIMIT 1")
_INSTANCE = text("SELECT instance_id FROM mirror_binding")


def read_state(session: Session) -> MirrorState:
    """Return the state of the mirror now."""
    event = session.execute(_LAST_EVENT).one_or_none()
    run = session.execute(_LAST_RUN).one_or_none()
    return MirrorState(
        instance_id=session.scalar(_INSTANCE),
        users=UserCounts(*session.execute(_COUNT_USERS).one()),
        last_event=ReceivedEvent(*event) if event else None,
        parked=session.scalar(_COUNT_PARKED) or 0,
        last_run=SyncRun(*run) if run else None,
    )
