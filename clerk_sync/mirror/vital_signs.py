"""How the mirror lives, for whoever examines it: the age of the last event, what is parked, how sync is doing."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.mirror.gauges import SELF_TEST
from clerk_sync.mirror.inbox import WAITING


class Runs(NamedTuple):
    """The runs of sync over everybody; ``silence`` of the one that holds the lease, where one does."""

    done_age: timedelta | None
    last_status: str | None
    last_reason: str | None
    silence: timedelta | None


_EVENT_AGE = text("""
SELECT now() - received_at FROM webhook_events WHERE type IS DISTINCT FROM :self_test
ORDER BY received_at DESC LIMIT 1
""")
_FOREIGN = text(
    "SELECT count(*) FROM webhook_events WHERE outcome = 'foreign' AND received_at > now() - '7 days'::interval"
)
_PARKED = text(f"SELECT count(*), now() - min(received_at) FROM webhook_events WHERE {WAITING}")
_HAS_ARRIVED = text("SELECT EXISTS (SELECT FROM webhook_events WHERE svix_id = :svix_id)")
_DONE_AGE = text("SELECT now() - max(ended_at) FROM sync_runs WHERE status = 'done' AND kind = 'all'")
_LAST = text("""
SELECT status, reason FROM sync_runs WHERE kind = 'all' AND status <> 'running' ORDER BY id DESC LIMIT 1
""")
_SILENCE = text("SELECT now() - heartbeat_at FROM sync_runs WHERE status = 'running'")


def find_event_age(session: Session) -> timedelta | None:
    """Return how long ago the newest event of Clerk's came, or None where none ever did."""
    age: timedelta | None = session.scalar(_EVENT_AGE, {"self_test": SELF_TEST})
    return age


def count_foreign(session: Session) -> int:
    """Return how many events of another instance came within a week."""
    return session.scalar(_FOREIGN) or 0


def count_parked(session: Session) -> tuple[int, timedelta | None]:
    """Return how many events wait for replay, and for how long the oldest has."""
    number, oldest = session.execute(_PARKED).one()
    return number, oldest


def has_arrived(session: Session, svix_id: str) -> bool:
    """Return whether the inbox knows this delivery."""
    return bool(session.scalar(_HAS_ARRIVED, {"svix_id": svix_id}))


def read_runs(session: Session) -> Runs:
    """Return how sync is doing."""
    last = session.execute(_LAST).one_or_none()
    status, reason = last or (None, None)
    return Runs(session.scalar(_DONE_AGE), status, reason, session.scalar(_SILENCE))
