"""The status of the mirror: users, last event, parked events and runs of sync. One query each, for all readers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, LiteralString, NamedTuple

from msgspec import Meta, Struct

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.binding import find_binding
from clerk_sync.mirror.inbox.parked import WAITING, find_last_event

Instant = Annotated[datetime, Meta(tz=True)]


class UserCounts(Struct):
    """How many users the mirror has. ``never_filled`` are live users with only an id, from a session token."""

    live: int
    deleted: int
    never_filled: int


class ReceivedEvent(Struct):
    """The newest event in the inbox. The doctor's self-test does not count."""

    type: str | None
    outcome: str
    received_at: Instant


class SyncRun(Struct):
    """The newest run of sync. It may still be running."""

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
    """The state of the mirror. If users change but ``last_event`` is old, webhooks do not arrive."""

    instance_id: str | None
    users: UserCounts
    last_event: ReceivedEvent | None
    parked: int
    last_run: SyncRun | None


class UserTotals(NamedTuple):
    """The numbers of rows of ``users``. ``never_filled`` are placeholders: only their id is known."""

    live: int
    deleted: int
    never_filled: int
    banned: int


class ParkedEvents(NamedTuple):
    """The number of events that wait for replay, and the age of the oldest."""

    number: int
    oldest: timedelta | None


_COUNT_USERS: LiteralString = """
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*) FILTER (WHERE deleted_at IS NOT NULL),
       count(*) FILTER (WHERE deleted_at IS NULL AND clerk_updated_at = 0),
       count(*) FILTER (WHERE deleted_at IS NULL AND banned)
FROM users
"""
_PARKED: LiteralString = f"SELECT count(*), now() - min(received_at) FROM webhook_events WHERE {WAITING}"
_LAST_RUN: LiteralString = (
    f"SELECT {', '.join(SyncRun.__struct_fields__)} FROM sync_runs ORDER BY started_at DESC LIMIT 1"
)


def count_users(transaction: SqlExecutor) -> UserTotals:
    """Return how many users the mirror has."""
    return UserTotals(*transaction.fetch_all(_COUNT_USERS)[0])


def count_parked(transaction: SqlExecutor) -> ParkedEvents:
    """Return how many events wait for replay."""
    return ParkedEvents(*transaction.fetch_all(_PARKED)[0])


def read_state(transaction: SqlExecutor) -> MirrorState:
    """Return the state of the mirror now."""
    event = find_last_event(transaction)
    runs = transaction.fetch_all(_LAST_RUN)
    users = count_users(transaction)
    return MirrorState(
        instance_id=find_binding(transaction),
        users=UserCounts(users.live, users.deleted, users.never_filled),
        last_event=ReceivedEvent(event.type, event.outcome, event.received_at) if event else None,
        parked=count_parked(transaction).number,
        last_run=SyncRun(*runs[0]) if runs else None,
    )


class Runs(NamedTuple):
    """The runs of sync over all users. ``silence`` is the age of the last heartbeat of a run that holds the lease."""

    done_age: timedelta | None
    last_status: str | None
    last_reason: str | None
    silence: timedelta | None


_FOREIGN: LiteralString = (
    "SELECT count(*) FROM webhook_events WHERE outcome = 'foreign' AND received_at > now() - '7 days'::interval"
)
_HAS_ARRIVED: LiteralString = "SELECT EXISTS (SELECT FROM webhook_events WHERE svix_id = %(svix_id)s)"
_DONE_AGE: LiteralString = "SELECT now() - max(ended_at) FROM sync_runs WHERE status = 'done' AND kind = 'all'"
_LAST: LiteralString = """
SELECT status, reason FROM sync_runs WHERE kind = 'all' AND status <> 'running' ORDER BY id DESC LIMIT 1
"""
_SILENCE: LiteralString = "SELECT now() - heartbeat_at FROM sync_runs WHERE status = 'running'"


def count_foreign(transaction: SqlExecutor) -> int:
    """Return the number of events from another instance within a week."""
    ((number,),) = transaction.fetch_all(_FOREIGN)
    return int(number)


def has_arrived(transaction: SqlExecutor, svix_id: str) -> bool:
    """Return whether the inbox has this delivery."""
    ((has_arrived,),) = transaction.fetch_all(_HAS_ARRIVED, {"svix_id": svix_id})
    return bool(has_arrived)


def read_runs(transaction: SqlExecutor) -> Runs:
    """Return the state of the runs over all users."""
    ((done_age,),) = transaction.fetch_all(_DONE_AGE)
    last = transaction.fetch_all(_LAST)
    status, reason = last[0] if last else (None, None)
    holders = transaction.fetch_all(_SILENCE)
    return Runs(done_age, status, reason, holders[0][0] if holders else None)
