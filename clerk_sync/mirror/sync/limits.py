"""The limits of a run: which users it may find missing, and how many it may delete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, cast

from clerk_sync.db.transaction import SqlExecutor

DEFAULT_WORKERS = 24
ALWAYS_ALLOWED = 10
DEFAULT_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """How many users a run may delete: the larger of a number and a share of the live ones."""

    number: int = ALWAYS_ALLOWED
    percent: float = DEFAULT_PERCENT

    def of(self, live: int) -> int:
        """Return the number for a mirror of ``live`` users."""
        return max(self.number, int(live * self.percent / 100))


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLimits:
    """The limits. A row made after ``before`` is no candidate. ``cap`` is the most users to delete.

    ``live`` is the number of live users at the start. Of ``filled`` users, more is known than the id.
    """

    before: datetime
    live: int
    filled: int
    cap: int
    workers: int = DEFAULT_WORKERS


_NOW: LiteralString = "SELECT now()"
_COUNT_LIVE: LiteralString = """
SELECT count(*), count(*) FILTER (WHERE clerk_updated_at > 0) FROM users WHERE deleted_at IS NULL
"""


def read_clock(transaction: SqlExecutor) -> datetime:
    """Return the database's time; no other clock decides anything here."""
    ((now,),) = transaction.fetch_all(_NOW)
    return cast("datetime", now)


def read_limits(transaction: SqlExecutor, delete_limit: DeleteLimit, *, before: datetime, workers: int) -> RunLimits:
    """Return the limits for the mirror as it is now."""
    ((live, filled),) = transaction.fetch_all(_COUNT_LIVE)
    return RunLimits(before=before, live=live, filled=filled, cap=delete_limit.of(live), workers=workers)
