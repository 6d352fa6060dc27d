"""Queries of the runs of sync for the console, including the one in progress."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, LiteralString, NamedTuple

from msgspec import Meta

from clerk_sync.db.transaction import SqlExecutor

COUNTS = ("seen", "inserted", "updated", "unchanged", "stale", "deleted", "failed")


class RunReport(NamedTuple):
    """One run. ``expected`` is Clerk's count if there is a checkpoint, ``silent_s`` the age of the last heartbeat."""

    id: int
    kind: str
    status: str
    instance_id: str | None
    started_at: datetime
    ended_at: datetime | None
    reason: str | None
    seen: int
    inserted: int
    updated: int
    unchanged: int
    stale: int
    deleted: int
    failed: int
    expected: int | None
    silent_s: float
    took_s: float

    @property
    def is_running(self) -> bool:
        """Return whether the run holds the lease."""
        return self.status == "running"


class RunKey(NamedTuple):
    """The position of a run in the list of all."""

    id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class RunsFound(NamedTuple):
    """One page of runs. ``next_key`` gets the next page; None on the last page."""

    runs: list[RunReport]
    next_key: RunKey | None


_COLUMNS: LiteralString = f"""
    id, kind, status, instance_id, started_at, ended_at, reason, {", ".join(COUNTS)},
    CAST(cursor ->> 'expected' AS bigint) AS expected,
    extract(epoch FROM clock_timestamp() - heartbeat_at) AS silent_s,
    extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at) AS took_s
"""
_LIST: LiteralString = f"SELECT {_COLUMNS} FROM sync_runs WHERE id < %(id)s ORDER BY id DESC LIMIT %(rows)s"
_FIND: LiteralString = f"SELECT {_COLUMNS} FROM sync_runs WHERE id = %(id)s"


def list_runs(transaction: SqlExecutor, *, after: RunKey | None, limit: int) -> RunsFound:
    """Return up to ``limit`` runs after ``after``, newest first."""
    rows = transaction.fetch_all(_LIST, {"id": after.id if after else 2**63 - 1, "rows": limit + 1})
    found = [RunReport(*row) for row in rows[:limit]]
    return RunsFound(found, RunKey(found[-1].id) if len(rows) > limit else None)


def find_run(transaction: SqlExecutor, run_id: int) -> RunReport | None:
    """Return one run, or None."""
    rows = transaction.fetch_all(_FIND, {"id": run_id})
    return RunReport(*rows[0]) if rows else None
