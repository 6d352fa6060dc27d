"""Prometheus metrics that are correct with several worker processes.

In our application each worker counts in its own files, in one folder per server. A scrape adds them up. Values of the
database (parked events, last event, sync runs) are read at the scrape, so any worker can answer it.

In another application, ``prometheus_client`` is the application's to set up: we change nothing of it, and register
nothing. The counters count in memory, or in the files of the application.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.webhooks.events import MIRRORED_TYPES
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.reporting.gauges import Sample
from clerk_sync.telemetry import logs, metrics_folder, metrics_values

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LAG_SECONDS = (0.1, 0.5, 1, 5, 30, 60, 300, 1800, 7200, 36000)


class Metrics:
    """The counters of this process. None is in a registry."""

    def __init__(self) -> None:
        if _is_our_application:
            metrics_folder.choose_folder()
            metrics_values.install()

        self.requests: Histogram = Histogram(
            "clerk_sync_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=None,
        )
        # Every label exists from the start. rate() would miss the first event of a series that begins at 1.
        self.webhooks: Counter = Counter(
            "clerk_sync_webhooks_total",
            "Signed deliveries, by event type and outcome",
            ["type", "outcome"],
            registry=None,
        )
        self.webhooks_refused: Counter = Counter(
            "clerk_sync_webhooks_refused_total", "Deliveries without a valid signature", registry=None
        )
        self.webhook_lag: Histogram = Histogram(
            "clerk_sync_webhook_lag_seconds",
            "Time from the event at Clerk to its row in the inbox",
            buckets=_LAG_SECONDS,
            registry=None,
        )
        self.tokens: Counter = Counter("clerk_sync_tokens_total", "Session tokens by result", ["result"], registry=None)
        self.key_fetches: Counter = Counter(
            "clerk_sync_key_fetches_total", "Requests for Clerk's key set by result", ["result"], registry=None
        )
        self.pool_timeouts: Counter = Counter(
            "clerk_sync_pool_timeouts_total", "Requests that got no database connection in time", registry=None
        )
        self.log_lines_lost: Counter = Counter(
            "clerk_sync_log_lines_lost_total", "Lines of the log that could not be written", registry=None
        )
        logs.stderr.on_lost = self.log_lines_lost.inc
        for type_ in (*MIRRORED_TYPES, "other"):
            for outcome in Outcome:
                self.webhooks.labels(type_, outcome)
        for result in ("accepted", *TokenRejection):
            self.tokens.labels(result)
        for result in ("fetched", "failed"):
            self.key_fetches.labels(result)


_is_our_application: list[bool] = []
_lock = Lock()
_made: list[Metrics] = []


def share_counters() -> None:
    """Let the workers of this server share their counters. Only our application does, before the first use."""
    _is_our_application[:] = [True]


def metrics() -> Metrics:
    """Return the metrics of this process. They are made once, at the first use."""
    if not _made:
        with _lock:
            if not _made:
                _made.append(Metrics())
    return _made[0]


def exposition(samples: Iterable[Sample]) -> bytes:
    """Return the metrics of all workers and ``samples`` in the text format of Prometheus."""
    metrics()
    registry = CollectorRegistry()
    folder = metrics_folder.find_folder()
    if folder is not None:
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # the library leaves it untyped
    registry.register(_Samples(families_of(samples)))
    return generate_latest(registry)


def collect_counters() -> list[Metric]:
    """Return the counters of this process that count in any application."""
    ours = metrics()
    counters = (
        ours.webhooks,
        ours.webhooks_refused,
        ours.webhook_lag,
        ours.tokens,
        ours.key_fetches,
        ours.pool_timeouts,
    )
    return [family for counter in counters for family in counter.collect()]


def are_counters_shared() -> bool:
    """Return whether prometheus_client shares the counters of all workers in files."""
    return values.ValueClass is not values.MutexValue


def families_of(samples: Iterable[Sample]) -> list[Metric]:
    """Return ``samples`` as Prometheus metrics."""
    families: dict[str, Metric] = {}
    for name, help_, value, label in samples:
        full_name = f"clerk_sync_{name}"
        if name not in families:
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            families[name] = family(full_name, help_)
        families[name].add_sample(full_name, dict([label]) if label else {}, value)
    return list(families.values())


class _Samples(Collector):
    """A collector of metrics that were read for this scrape."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
