"""The mirror's metrics in the host's own Prometheus registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from clerk_sync import collector
from clerk_sync.services import get_services
from tests.conftest import WEBHOOK_SECRET, clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import MakeHost

Query = Callable[..., list[tuple[Any, ...]]]

# A host that counts a request, delivers a webhook, and prints what its own registry shows.
HOST = """
import json, os, sys
from flask import Flask
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from clerk_sync import ClerkSync, Settings, collector

app = Flask("host")
url, secret, body, headers = sys.argv[1:]
ClerkSync(app, settings=Settings(database_url=url, webhook_signing_secret=secret))
registry = CollectorRegistry()
is_shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
own = Counter("host_requests", "The host's own", registry=None if is_shared else registry)
with app.app_context():
    registry.register(collector())
if is_shared:
    MultiProcessCollector(registry)
own.inc()
sent = app.test_client().post(
    "/api/webhooks/clerk", data=body, headers=json.loads(headers), content_type="application/json"
)
assert sent.status_code == 200, sent.text
print(generate_latest(registry).decode())
"""


def samples_of(text: str) -> dict[tuple[str, str], float]:
    """Return the samples of an exposition by name and value of the last label; fail if one comes twice."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


@pytest.mark.parametrize("is_shared", [False, True], ids=["one process", "several processes"])
def test_the_hosts_registry_has_our_counters_and_gauges_once(
    app: Flask, database_url: str, tmp_path: Path, is_shared: bool
) -> None:
    body = json.dumps(clerk_event("user.created", clerk_user()))
    headers = json.dumps(sign_delivery(body.encode(), "msg_1"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLERK_", "PROMETHEUS_"))}
    if is_shared:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", HOST, database_url, WEBHOOK_SECRET, body, headers],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    samples = samples_of(ran.stdout)
    assert samples["clerk_sync_webhooks_total", "outcome=applied,type=user.created"] == 1
    assert samples["host_requests_total", ""] == 1
    assert samples["clerk_sync_database_up", ""] == 1
    assert samples["clerk_sync_webhooks_parked", ""] == 0
    assert ("clerk_sync_webhooks_total", "outcome=parked,type=user.created") in samples


def scrape(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return samples_of(generate_latest(registry).decode())


def test_a_scrape_needs_no_application_context(host: Flask, query: Query) -> None:
    registry = CollectorRegistry()
    with host.app_context():
        registry.register(collector())
    assert scrape(registry)["clerk_sync_webhooks_parked", ""] == 0
    query("INSERT INTO webhook_events (svix_id, outcome, payload) VALUES ('msg_1', 'parked', '{}')")
    assert scrape(registry)["clerk_sync_webhooks_parked", ""] == 1


def test_registering_asks_nothing_of_the_database(make_host: MakeHost) -> None:
    host = make_host()
    with host.app_context():
        CollectorRegistry(auto_describe=True).register(collector())
    assert get_services(host).pool.checkedin() == 0


def test_a_lost_database_is_a_value_and_no_error(make_host: MakeHost) -> None:
    host = make_host({"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    registry = CollectorRegistry(auto_describe=True)
    with host.app_context():
        registry.register(collector())
    samples = scrape(registry)
    assert samples["clerk_sync_database_up", ""] == 0
    assert samples["clerk_sync_database_fault", "fault=unreachable"] == 1


def test_a_collector_belongs_to_an_application_with_the_extension() -> None:
    with pytest.raises(RuntimeError, match="application context"):
        collector()
    with Flask("without").app_context(), pytest.raises(RuntimeError, match="init_app"):
        collector()
