"""The mirror's metrics: the route /metrics of our application, and a collector for the registry of another one."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from clerk_sync.db.errors import Fault
from clerk_sync.mirror.reporting.gauges import Sample, read_mirror
from clerk_sync.services import Services, services
from clerk_sync.telemetry import metrics as telemetry
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
    return Response(
        telemetry.exposition(read_samples(services())), content_type="text/plain; version=0.0.4; charset=utf-8"
    )


def read_samples(services: Services) -> Iterator[Sample]:
    """Yield the metrics that are read from the database at each scrape."""
    obstacles, revisions = inspect_database(services)
    faults = {each.fault for each in obstacles}
    if not obstacles and not (revisions and revisions.serve_this_code):
        faults.add(Fault.NOT_MIGRATED)
    name, help_ = "database_up", "Whether this scrape could read the mirror's tables"
    try:
        # If one connection was refused, a second attempt would only delay the scrape.
        mirror = [] if faults & {Fault.UNREACHABLE, Fault.NOT_UTF8} else list(read_mirror(services.pool))
    except DATABASE_ERRORS:
        mirror = []  # the counters are useful while the database is down
    yield Sample(name, help_, float(bool(mirror)))
    yield from mirror
    for fault in Fault:
        help_ = "Whether this fault makes the database unusable: 1 or 0"
        yield Sample("database_fault", help_, float(fault in faults), ("fault", fault))


class MirrorCollector(Collector):
    """Collects this process's counters and the samples of one application's mirror."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[Metric]:
        """Yield the counters: a registry asks when the collector is registered, and the database need not answer."""
        return telemetry.collect_counters()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        if not telemetry.are_counters_shared():
            yield from telemetry.collect_counters()
        yield from telemetry.families_of(read_samples(self._services))


def _has_token(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected.encode())
