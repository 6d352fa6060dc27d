"""The first page: whether the mirror lives, at a glance."""

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
    """Show users, deliveries, what is stuck, and the last runs of sync."""
    session = db.session()
    day = pulse.read_day(session)
    return rendering.show(
        "console/overview.html",
        instance_id=find_binding(session),
        heads=pulse.count_heads(session),
        last_event=find_last_event(db.session()),
        parked=pulse.count_parked(session),
        day=day,
        most_deliveries=pulse.MOST_DELIVERIES,
        outcomes=pulse.STORED_OUTCOMES,
        outcomes_plot=charts.plot_outcomes(day.hours, pulse.STORED_OUTCOMES),
        lag_plot=charts.plot_lag(day.hours),
        runs=run_queries.list_runs(session, after=None, limit=LAST_RUNS).runs,
    )
