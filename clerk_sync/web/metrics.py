"""The route /metrics of our application. An application that uses the extension has a route of its own."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from flask import Blueprint, Response, request

from clerk_sync.db.errors import Fault
from clerk_sync.extensions import services
from clerk_sync.mirror.reporting.gauges import Sample, read_mirror
from clerk_sync.telemetry.metrics import exposition
from clerk_sync.web.database_problems import DATABASE_ERRORS
from clerk_sync.web.health import inspect_database
from clerk_sync.web.problems import Problem

blueprint = Blueprint("clerk_sync_metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer metrics for Prometheus. They require METRICS_TOKEN if it is set, and in production it must be set."""
    settings = services().settings
    if settings.metrics_token is None and settings.is_production:
        raise Problem(404, "not-found", "Nothing exists at this URL.")
    if settings.metrics_token is not None and not _has_token(settings.metrics_token):
        raise Problem(401, "metrics-token", "The bearer token of /metrics is required.", {"WWW-Authenticate": "Bearer"})
    return Response(exposition(_samples()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _samples() -> Iterator[Sample]:
    obstacles, revisions = inspect_database()
    faults = {each.fault for each in obstacles}
    if not obstacles and not (revisions and revisions.serve_this_code):
        faults.add(Fault.NOT_MIGRATED)
    name, help_ = "database_up", "Whether this scrape could read the mirror's tables"
    try:
        # If one connection was refused, a second attempt would only delay the scrape.
        mirror = [] if faults & {Fault.UNREACHABLE, Fault.NOT_UTF8} else list(read_mirror(services().pool))
    except DATABASE_ERRORS:
        mirror = []  # the counters are useful while the database is down
    yield Sample(name, help_, float(bool(mirror)))
    yield from mirror
    for fault in Fault:
        help_ = "Whether this fault makes the database unusable: 1 or 0"
        yield Sample("database_fault", help_, float(fault in faults), ("fault", fault))


def _has_token(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected.encode())
