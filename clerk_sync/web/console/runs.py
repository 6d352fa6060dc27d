"""Sync runs: the list, and one run with its progress."""

from __future__ import annotations

from flask import Blueprint, Response

from clerk_sync.mirror.reporting import run_queries
from clerk_sync.mirror.reporting.run_queries import RunKey
from clerk_sync.mirror.sync.runs import LEASE_TIMEOUT
from clerk_sync.services import services
from clerk_sync.web.console import rendering
from clerk_sync.web.pagination import cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem

runs = Blueprint("runs", __name__)

PER_PAGE = 25


@runs.get("/runs")
def list_runs() -> Response:
    """Show the runs, newest first."""
    found, next_key = run_queries.list_runs(services().pool, after=read_cursor(RunKey), limit=read_limit(PER_PAGE))
    return rendering.show("console/runs.html", runs=found, next_cursor=cursor_of(next_key))


@runs.get("/runs/<id:run_id>")
def show_run(run_id: int) -> Response:
    """Show one run. A script refreshes the page while the run is in progress."""
    run = run_queries.find_run(services().pool, run_id)
    if run is None:
        raise Problem(404, "run-unknown", "There is no such run.")
    return rendering.show(
        "console/run.html",
        run=run,
        counts=run_queries.COUNTS,
        has_lost_lease=run.silent_s > LEASE_TIMEOUT.total_seconds(),
    )
