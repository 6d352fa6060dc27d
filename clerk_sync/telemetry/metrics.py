"""Prometheus metrics that are correct with several worker processes.

Each worker counts in its own files, in one folder per server. A scrape adds them up. Values of the database (parked
events, last event, sync runs) are read at the scrape, so any worker can answer it.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.webhooks.events import MIRRORED_TYPES
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.reporting.gauges import Sample
from clerk_sync.telemetry import logs, metrics_folder, metrics_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LAG_SECONDS = (0.1, 0.5, 1, 5, 30, 60, 300, 1800, 7200, 36000)


class Metrics:
    """The counters of this process."""

    def __init__(self) -> None:
        metrics_folder.choose_folder()
        metrics_values.install()

        self.requests: Histogram = Histogram(
            "clerk_sync_request_seconds", "Time to answer a request", ["method", "route", "status"], buckets=_SECONDS
        )
        # Every label exists from the start. rate() would miss the first event of a series that begins at 1.
        self.webhooks: Counter = Counter(
            "clerk_sync_webhooks_total", "Signed deliveries, by event type and outcome", ["type", "outcome"]
        )
        self.webhooks_refused: Counter = Counter(
            "clerk_sync_webhooks_refused_total", "Deliveries without a valid signature"
        )
        self.webhook_lag: Histogram = Histogram(
            "clerk_sync_webhook_lag_seconds",
            "Time from the event at Clerk to its row in the inbox",
            buckets=_LAG_SECONDS,
        )
        self.tokens: Counter = Counter("clerk_sync_tokens_total", "Session tokens by result", ["result"])
        self.key_fetches: Counter = Counter(
            "clerk_sync_key_fetches_total", "Requests for Clerk's key set by result", ["result"]
        )
        self.pool_timeouts: Counter = Counter(
            "clerk_sync_pool_timeouts_total", "Requests that got no database connection in time"
        )
        self.log_lines_lost: Counter = Counter(
            "clerk_sync_log_lines_lost_total", "Lines of the log that could not be written"
        )
        logs.stderr.on_lost = self.log_lines_lost.inc
        for type_ in (*MIRRORED_TYPES, "other"):
            for outcome in Outcome:
                self.webhooks.labels(type_, outcome)
        for result in ("accepted", *TokenRejection):
            self.tokens.labels(result)
        for result in ("fetched", "failed"):
            self.key_fetches.labels(result)


_lock = Lock()
_made: list[Metrics] = []


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
    registry.register(_Samples(list(samples)))
    return generate_latest(registry)


class _Samples:
    """A collector of samples that were read for this scrape."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for name, help_, value, label in self._samples:
            if name not in families:
                family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                families[name] = family(f"clerk_sync_{name}", help_)
            full_name = f"clerk_sync_{name}"
            families[name].add_sample(full_name, dict([label]) if label else {}, value)
        yield from families.values()
