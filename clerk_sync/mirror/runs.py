"""The runs of sync: one at a time holds the lease, and each leaves its report.

The lease is the one row with status ``running``; a unique index sees to that. It is held by rows and the database's
clock alone, because a lock of a session would not survive PgBouncer in transaction mode.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.mirror.errors import LeaseLost
from clerk_sync.mirror.steps import Counts, Cursor

RESUMABLE_FOR = timedelta(days=1)


class Kind(StrEnum):
    """What a run is about."""

    ALL = "all"
    USERS = "users"


class Status(StrEnum):
    """How a run stands or ended; ``lost`` died without a word."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    LOST = "lost"


class Run(NamedTuple):
    """A run that holds the lease. ``started_at`` is the database's clock before anything was asked of Clerk."""

    id: int
    started_at: datetime
    cursor: Cursor | None = None


class Holder(NamedTuple):
    """Whoever holds the lease; two looks at ``heartbeat_at`` tell whether the process lives."""

    id: int
    started_at: datetime
    heartbeat_at: datetime


_BEGIN = text("""
INSERT INTO sync_runs (kind) VALUES (:kind)
ON CONFLICT (status) WHERE status = 'running' DO NOTHING
RETURNING id, started_at
""")
_RESUME = text("""
UPDATE sync_runs SET status = 'running', heartbeat_at = clock_timestamp(), ended_at = NULL, reason = NULL
WHERE id = (SELECT max(id) FROM sync_runs WHERE kind = 'all')
  AND status IN ('interrupted', 'failed', 'lost') AND cursor IS NOT NULL AND started_at > now() - :resumable_for
  AND NOT EXISTS (SELECT FROM sync_runs WHERE status = 'running')
RETURNING id, started_at, cursor
""")


def begin_run(session: Session, kind: Kind) -> Run | None:
    """Return a new run, or None while another one holds the lease."""
    row = session.execute(_BEGIN, {"kind": kind}).one_or_none()
    return Run(*row) if row else None


def resume_run(session: Session) -> Run | None:
    """Return the last full run, to go on with, or None where it is over, too old, or the lease is taken."""
    row = session.execute(_RESUME, {"resumable_for": RESUMABLE_FOR}).one_or_none()
    return Run(row.id, row.started_at, msgspec.convert(row.cursor, Cursor)) if row else None


_FIND_HOLDER = text("SELECT id, started_at, heartbeat_at FROM sync_runs WHERE status = 'running'")
_TAKE_AWAY = text("""
UPDATE sync_runs SET status = 'lost', ended_at = clock_timestamp(), reason = 'its process ended without a word'
WHERE id = (
    -- A row that is locked is being written by its run: that one lives.
    SELECT id FROM sync_runs WHERE id = :run_id AND status = 'running'
      AND heartbeat_at < clock_timestamp() - :silence FOR UPDATE SKIP LOCKED
)
RETURNING id
""")


def find_holder(session: Session) -> Holder | None:
    """Return whoever holds the lease, or None."""
    row = session.execute(_FIND_HOLDER).one_or_none()
    return Holder(*row) if row else None


def take_away_lease(session: Session, run_id: int, *, silence: timedelta) -> bool:
    """End a run whose heart has not beaten for ``silence``; return whether it was so."""
    return session.execute(_TAKE_AWAY, {"run_id": run_id, "silence": silence}).one_or_none() is not None


_BEAT = text(
    "UPDATE sync_runs SET heartbeat_at = clock_timestamp() WHERE id = :run_id AND status = 'running' RETURNING id"
)
_RECORD = text("""
UPDATE sync_runs SET
    heartbeat_at = clock_timestamp(), cursor = coalesce(CAST(:cursor AS jsonb), cursor),
    seen = seen + :seen, inserted = inserted + :inserted, updated = updated + :updated,
    unchanged = unchanged + :unchanged, stale = stale + :stale, deleted = deleted + :deleted, failed = failed + :failed
WHERE id = :run_id AND status = 'running'
RETURNING id
""")
_NAME_INSTANCE = text("UPDATE sync_runs SET instance_id = :instance_id WHERE id = :run_id")
_END = text("""
UPDATE sync_runs SET status = :status, reason = :reason, ended_at = clock_timestamp(),
    cursor = CASE WHEN :status IN ('done', 'refused') THEN NULL ELSE cursor END
WHERE id = :run_id AND status = 'running'
RETURNING id
""")


def beat(session: Session, run_id: int) -> bool:
    """Say that the run lives; return False where it has been taken for dead."""
    return session.execute(_BEAT, {"run_id": run_id}).one_or_none() is not None


def name_instance(session: Session, run_id: int, instance_id: str) -> None:
    """Note which instance the run reads from."""
    session.execute(_NAME_INSTANCE, {"run_id": run_id, "instance_id": instance_id})


def record(session: Session, run_id: int, counts: Counts, cursor: Cursor | None) -> None:
    """Add a step to the run's report, in the transaction of what the step wrote; raise LeaseLost where it is over.

    This is the fence: a run that was taken for dead cannot commit another row.
    """
    values = asdict(counts) | {"cursor": msgspec.json.encode(cursor).decode() if cursor else None, "run_id": run_id}
    if session.execute(_RECORD, values).one_or_none() is None:
        raise LeaseLost(run_id)


def end_run(session: Session, run_id: int, status: Status, reason: str | None = None) -> None:
    """Give the lease back and write down how the run ended."""
    session.execute(_END, {"run_id": run_id, "status": status, "reason": reason})
