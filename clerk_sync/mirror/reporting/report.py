"""The state of the mirror, as an operator asks for it: how full, how fresh, what is stuck."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, LiteralString

from msgspec import Meta, Struct

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.binding import find_binding
from clerk_sync.mirror.inbox.parked import WAITING, find_last_event

Instant = Annotated[datetime, Meta(tz=True)]


class UserCounts(Struct):
    """How many users the mirror holds; ``never_filled`` of the live ones are known by a session only."""

    live: int
    deleted: int
    never_filled: int


class ReceivedEvent(Struct):
    """The newest event in the inbox; the doctor's self-test is none."""

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


_COUNT_USERS: LiteralString = """
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*) FILTER (WHERE deleted_at IS NOT NULL),
       count(*) FILTER (WHERE deleted_at IS NULL AND clerk_updated_at = 0)
FROM users
"""
_COUNT_PARKED: LiteralString = f"SELECT count(*) FROM webhook_events WHERE {WAITING}"
_LAST_RUN: LiteralString = (
    f"SELECT {', '.join(SyncRun.__struct_fields__)} FROM sync_runs ORDER BY started_at DESC LIMIT 1"
)


def read_state(transaction: SqlExecutor) -> MirrorState:
    """Return the state of the mirror now."""
    event = find_last_event(transaction)
    runs = transaction.fetch_all(_LAST_RUN)
    ((users_live, users_deleted, never_filled),) = transaction.fetch_all(_COUNT_USERS)
    ((parked,),) = transaction.fetch_all(_COUNT_PARKED)
    return MirrorState(
        instance_id=find_binding(transaction),
        users=UserCounts(users_live, users_deleted, never_filled),
        last_event=ReceivedEvent(event.type, event.outcome, event.received_at) if event else None,
        parked=parked,
        last_run=SyncRun(*runs[0]) if runs else None,
    )
