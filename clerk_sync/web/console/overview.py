"""The console's first page: the state of the mirror."""

from __future__ import annotations

from flask import Blueprint, Response

from clerk_sync.mirror.binding import find_binding
from clerk_sync.mirror.inbox.parked import find_last_event
from clerk_sync.mirror.reporting import hourly_deliveries, run_queries, status
from clerk_sync.services import services
from clerk_sync.web.console import charts, rendering

overview = Blueprint("overview", __name__)

LAST_RUNS = 5


@overview.get("")
def show_overview() -> Response:
    """Show counts of users, deliveries of the last day, parked events, and the last sync runs."""
    pool = services().pool
    day = hourly_deliveries.read_day(pool)
    return rendering.show(
        "console/overview.html",
        instance_id=find_binding(pool),
        users=status.count_users(pool),
        last_event=find_last_event(pool),
        parked=status.count_parked(pool).number,
        day=day,
        lag=next((hour for hour in reversed(day.hours) if hour.median_lag_ms is not None), None),
        most_deliveries=hourly_deliveries.MOST_DELIVERIES,
        outcomes=hourly_deliveries.STORED_OUTCOMES,
        chart=charts.draw_outcomes(day.hours, hourly_deliveries.STORED_OUTCOMES),
        runs=run_queries.list_runs(pool, after=None, limit=LAST_RUNS).runs,
    )
