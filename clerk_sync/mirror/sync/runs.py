"""The runs of sync: one at a time holds the lease, and each keeps its report.

The lease is the row with status ``running``; a unique index allows only one. It is a row and no session lock, because
PgBouncer in transaction mode would lose a session lock.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import LiteralString, NamedTuple

import msgspec

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.errors import LeaseLostError
from clerk_sync.mirror.sync.steps import Checkpoint, Counts

RESUMABLE_FOR = timedelta(days=1)

HEARTBEAT_S = 2.0
LEASE_TIMEOUT = timedelta(seconds=10)
"""A run whose last heartbeat is older has lost its lease: the next run takes it over."""


class Kind(StrEnum):
    """The users that a run covers."""

    ALL = "all"
    USERS = "users"


class Status(StrEnum):
    """The status of a run. ``lost``: its process ended without an entry."""

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
    checkpoint: Checkpoint | None = None


class LeaseHolder(NamedTuple):
    """The run that holds the lease. If ``heartbeat_at`` changes, its process is alive."""

    id: int
    started_at: datetime
    heartbeat_at: datetime


# A lease must not be granted twice, even if the server crashes.
_DURABLY: LiteralString = "SET LOCAL synchronous_commit = on;"
_BEGIN: LiteralString = f"""{_DURABLY}
INSERT INTO sync_runs (kind) VALUES (%(kind)s)
ON CONFLICT (status) WHERE status = 'running' DO NOTHING
RETURNING id, started_at
"""
_RESUME: LiteralString = f"""{_DURABLY}
UPDATE sync_runs SET status = 'running', heartbeat_at = clock_timestamp(), ended_at = NULL, reason = NULL
WHERE id = (SELECT max(id) FROM sync_runs WHERE kind = 'all')
  AND status IN ('interrupted', 'failed', 'lost') AND cursor IS NOT NULL AND started_at > now() - %(resumable_for)s
  AND NOT EXISTS (SELECT FROM sync_runs WHERE status = 'running')
RETURNING id, started_at, cursor
"""


def begin_run(transaction: SqlExecutor, kind: Kind) -> Run | None:
    """Return a new run, or None while another one holds the lease."""
    rows = transaction.fetch_all(_BEGIN, {"kind": kind})
    return Run(*rows[0]) if rows else None


def resume_run(transaction: SqlExecutor) -> Run | None:
    """Return the last full run to resume, or None if it is complete, too old, or the lease is held."""
    rows = transaction.fetch_all(_RESUME, {"resumable_for": RESUMABLE_FOR})
    if not rows:
        return None
    run_id, started_at, cursor = rows[0]
    return Run(run_id, started_at, msgspec.convert(cursor, Checkpoint))


_FIND_HOLDER: LiteralString = "SELECT id, started_at, heartbeat_at FROM sync_runs WHERE status = 'running'"
_EXPIRE: LiteralString = """
UPDATE sync_runs SET status = 'lost', ended_at = clock_timestamp(), reason = 'its process ended without an entry'
WHERE id = (
    -- Its run is writing a locked row, so the run is alive.
    SELECT id FROM sync_runs WHERE id = %(run_id)s AND status = 'running'
      AND heartbeat_at < clock_timestamp() - %(silence)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def find_holder(transaction: SqlExecutor) -> LeaseHolder | None:
    """Return the holder of the lease, or None."""
    rows = transaction.fetch_all(_FIND_HOLDER)
    return LeaseHolder(*rows[0]) if rows else None


def expire_lease(transaction: SqlExecutor, run_id: int) -> bool:
    """End the run if it has lost its lease; return whether it has."""
    return bool(transaction.fetch_all(_EXPIRE, {"run_id": run_id, "silence": LEASE_TIMEOUT}))


_HEARTBEAT: LiteralString = (
    "UPDATE sync_runs SET heartbeat_at = clock_timestamp() WHERE id = %(run_id)s AND status = 'running' RETURNING id"
)
_SAVE_CHECKPOINT: LiteralString = """
UPDATE sync_runs SET
    heartbeat_at = clock_timestamp(), cursor = coalesce(CAST(%(cursor)s AS jsonb), cursor),
    seen = seen + %(seen)s, inserted = inserted + %(inserted)s, updated = updated + %(updated)s,
    unchanged = unchanged + %(unchanged)s, stale = stale + %(stale)s,
    deleted = deleted + %(deleted)s, failed = failed + %(failed)s
WHERE id = %(run_id)s AND status = 'running'
RETURNING id
"""
_NAME_INSTANCE: LiteralString = "UPDATE sync_runs SET instance_id = %(instance_id)s WHERE id = %(run_id)s"
# Waiting for the disk here also makes the run's earlier commits durable, before the operator reads "done".
_END: LiteralString = f"""{_DURABLY}
WITH ended AS (
    UPDATE sync_runs SET status = %(status)s, reason = %(reason)s, ended_at = clock_timestamp(),
        cursor = CASE WHEN %(status)s IN ('done', 'refused') THEN NULL ELSE cursor END
    WHERE id = %(run_id)s AND status = 'running'
    RETURNING status, deleted
)
SELECT status, deleted FROM ended
UNION ALL
SELECT status, deleted FROM sync_runs WHERE id = %(run_id)s AND NOT EXISTS (SELECT FROM ended)
"""


def send_heartbeat(transaction: SqlExecutor, run_id: int) -> bool:
    """Renew the lease; return False if the run has lost it."""
    return bool(transaction.fetch_all(_HEARTBEAT, {"run_id": run_id}))


def name_instance(transaction: SqlExecutor, run_id: int, instance_id: str) -> None:
    """Store the instance that the run reads from."""
    transaction.fetch_all(_NAME_INSTANCE, {"run_id": run_id, "instance_id": instance_id})


def save_checkpoint(transaction: SqlExecutor, run_id: int, counts: Counts, checkpoint: Checkpoint | None) -> None:
    """Add a step to the run's report, in the step's transaction; raise LeaseLostError if the lease is lost.

    So a run that has lost its lease cannot commit another row.
    """
    values = asdict(counts) | {
        "cursor": msgspec.json.encode(checkpoint).decode() if checkpoint else None,
        "run_id": run_id,
    }
    if not transaction.fetch_all(_SAVE_CHECKPOINT, values):
        raise LeaseLostError(run_id)


class Ended(NamedTuple):
    """The stored end of a run, and the number of users that it deleted."""

    status: Status
    deleted: int


def end_run(transaction: SqlExecutor, run_id: int, status: Status, reason: str | None = None) -> Ended:
    """Release the lease and store how the run ended, unless it had ended before; return what is stored."""
    ((found, deleted),) = transaction.fetch_all(_END, {"run_id": run_id, "status": status, "reason": reason})
    return Ended(Status(found), deleted)
