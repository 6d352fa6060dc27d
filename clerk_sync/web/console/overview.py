"""The console's first page: the state of the mirror."""

from __future__ import annotations

from flask import Blueprint, Response

from clerk_sync.db.orm import db
from clerk_sync.mirror.binding import find_binding
from clerk_sync.mirror.inbox.parked import find_last_event
from clerk_sync.mirror.reporting import pulse, run_queries
from clerk_sync.web.console import charts, rendering

overview = Blueprint("overview", __name__)

LAST_RUNS = 5


@overview.get("")
def show_overview() -> Response:
    """Show counts of users, deliveries of the last day, parked events, and the last sync runs."""
    session = db.session()
    day = pulse.read_day(session)
    return rendering.show(
        "console/overview.html",
        instance_id=find_binding(session),
        heads=pulse.count_heads(session),
        last_event=find_last_event(session),
        parked=pulse.count_parked(session),
        day=day,
        lag=next((hour for hour in reversed(day.hours) if hour.median_lag_ms is not None), None),
        most_deliveries=pulse.MOST_DELIVERIES,
        outcomes=pulse.STORED_OUTCOMES,
        chart=charts.draw_outcomes(day.hours, pulse.STORED_OUTCOMES),
        runs=run_queries.list_runs(session, after=None, limit=LAST_RUNS).runs,
    )
