"""The deliveries of the last 24 hours by hour: outcomes and delay."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.inbox.parked import FROM_CLERK

HOURS = 24
MOST_DELIVERIES = 100_000

STORED_OUTCOMES = tuple(outcome for outcome in Outcome if outcome is not Outcome.DUPLICATE)
"""The outcomes in the inbox. A duplicate keeps the outcome of its first delivery."""


class Hour(NamedTuple):
    """One hour: the number of deliveries with each outcome, and the time from event to arrival."""

    begins_at: datetime
    outcomes: dict[str, int]
    median_lag_ms: float | None
    p95_lag_ms: float | None

    @property
    def deliveries(self) -> int:
        """Return how many arrived."""
        return sum(self.outcomes.values())


class Day(NamedTuple):
    """The last 24 hours, oldest first. ``is_cut`` if there were more deliveries than were read."""

    hours: list[Hour]
    is_cut: bool

    @property
    def deliveries(self) -> int:
        """Return how many arrived."""
        return sum(hour.deliveries for hour in self.hours)


_NOW: LiteralString = "SELECT date_trunc('hour', now(), 'UTC')"
_HOURS = f"""
WITH recent AS (
    SELECT received_at, outcome,
           CASE WHEN event_at > 0 THEN extract(epoch FROM received_at) * 1000 - event_at END AS lag_ms
    FROM webhook_events WHERE received_at >= %(since)s AND {FROM_CLERK} ORDER BY received_at DESC LIMIT %(most)s
)
SELECT date_trunc('hour', received_at, 'UTC'),
       {", ".join(f"count(*) FILTER (WHERE outcome = '{outcome}')" for outcome in STORED_OUTCOMES)},
       percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY lag_ms)
FROM recent GROUP BY 1
"""


def read_day(transaction: SqlExecutor, *, most: int = MOST_DELIVERIES) -> Day:
    """Return the current hour and the 23 before it. Only the newest ``most`` deliveries are read."""
    this_hour: datetime
    ((this_hour,),) = transaction.fetch_all(_NOW)
    first_hour = this_hour - timedelta(hours=HOURS - 1)
    found = {row[0]: row for row in transaction.fetch_all(_HOURS, {"since": first_hour, "most": most})}
    hours = [_hour(first_hour + timedelta(hours=number), found) for number in range(HOURS)]
    return Day(hours, is_cut=sum(hour.deliveries for hour in hours) >= most)


def _hour(begins_at: datetime, found: dict[datetime, tuple[Any, ...]]) -> Hour:
    if begins_at not in found:
        return Hour(begins_at, dict.fromkeys(STORED_OUTCOMES, 0), None, None)
    _, *counts, lags = found[begins_at]
    median, p95 = (None if lag is None else float(lag) for lag in lags or (None, None))
    return Hour(begins_at, dict(zip(STORED_OUTCOMES, counts, strict=True)), median, p95)
