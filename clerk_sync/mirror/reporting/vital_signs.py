"""How the mirror lives, for whoever examines it: the age of the last event, what is parked, how sync is doing."""

from __future__ import annotations

from datetime import timedelta
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.parked import WAITING


class Runs(NamedTuple):
    """The runs of sync over everybody; ``silence`` of the one that holds the lease, where one does."""

    done_age: timedelta | None
    last_status: str | None
    last_reason: str | None
    silence: timedelta | None


_FOREIGN: LiteralString = (
    "SELECT count(*) FROM webhook_events WHERE outcome = 'foreign' AND received_at > now() - '7 days'::interval"
)
_PARKED: LiteralString = f"SELECT count(*), now() - min(received_at) FROM webhook_events WHERE {WAITING}"
_HAS_ARRIVED: LiteralString = "SELECT EXISTS (SELECT FROM webhook_events WHERE svix_id = %(svix_id)s)"
_DONE_AGE: LiteralString = "SELECT now() - max(ended_at) FROM sync_runs WHERE status = 'done' AND kind = 'all'"
_LAST: LiteralString = """
SELECT status, reason FROM sync_runs WHERE kind = 'all' AND status <> 'running' ORDER BY id DESC LIMIT 1
"""
_SILENCE: LiteralString = "SELECT now() - heartbeat_at FROM sync_runs WHERE status = 'running'"


def count_foreign(transaction: SqlExecutor) -> int:
    """Return how many events of another instance came within a week."""
    ((number,),) = transaction.fetch_all(_FOREIGN)
    return int(number)


def count_parked(transaction: SqlExecutor) -> tuple[int, timedelta | None]:
    """Return how many events wait for replay, and for how long the oldest has."""
    ((number, oldest),) = transaction.fetch_all(_PARKED)
    return number, oldest


def has_arrived(transaction: SqlExecutor, svix_id: str) -> bool:
    """Return whether the inbox knows this delivery."""
    ((has_arrived,),) = transaction.fetch_all(_HAS_ARRIVED, {"svix_id": svix_id})
    return bool(has_arrived)


def read_runs(transaction: SqlExecutor) -> Runs:
    """Return how sync is doing."""
    ((done_age,),) = transaction.fetch_all(_DONE_AGE)
    last = transaction.fetch_all(_LAST)
    status, reason = last[0] if last else (None, None)
    holders = transaction.fetch_all(_SILENCE)
    return Runs(done_age, status, reason, holders[0][0] if holders else None)
