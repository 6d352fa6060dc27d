"""/metrics with several workers; documents and alarms name existing metrics only."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import requests
import yaml

from clerk_sync.emulator import LocalClerk
from tests.conftest import ROOT
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement
from tests.stage.service import Service, environment_for, free_port, run_flask

RULES = ROOT / "docs" / "prometheus-rules.yml"
RULES_TEST = ROOT / "docs" / "prometheus-rules-test.yml"
OPERATIONS = ROOT / "docs" / "operations.md"
TOKEN = "a-token-for-prometheus"
REQUESTS = 40

_SAMPLE = re.compile(r"(\w+)(?:{(.*)})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Watched(NamedTuple):
    """A deployment of two workers in which each event with a metric has happened once."""

    service: Service
    clerk: LocalClerk
    database_url: str

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return the values of one scrape by name and labels."""
        # Not with the library: at its import in this process it would choose this process's counters.
        samples = {}
        for line in self.scrape().splitlines():
            if not line.startswith("#"):
                name, labels, value = _SAMPLE.fullmatch(line).groups(default="")  # type: ignore[union-attr]
                samples[name, tuple(sorted(_LABEL.findall(labels)))] = float(value)
        return samples

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[name, tuple(sorted(labels.items()))]

    def scrape(self) -> str:
        answer = requests.get(f"{self.service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module")
def watched(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    url = migrate(new_database())
    port = free_port()
    log = tmp_path_factory.mktemp("metrics") / "service.log"
    with LocalClerk.start(webhook_url=f"http://127.0.0.1:{port}/api/webhooks/clerk") as clerk:
        environment = environment_for(clerk, url) | {"METRICS_TOKEN": TOKEN}
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)  # the folder of the test process, if it has one
        with Service(environment, log, port=port, workers=2) as service:
            clerk.users.create(first_name="Grace", email="grace@example.com")
            clerk.webhook_sender.send("user.updated", {"id": 7})
            clerk.webhook_sender.wait_idle(30)
            assert run_flask(environment, "sync-clerk", "sync", "--no-progress").returncode == 0
            run_statement(url, "INSERT INTO sync_runs (kind) VALUES ('all')")
            yield Watched(service, clerk, url)


def test_every_scrape_counts_the_requests_of_all_workers(watched: Watched) -> None:
    headers = {"Authorization": f"Bearer {watched.clerk.session_token('user_counted')}"}
    labels = {"method": "GET", "route": "/api/session", "status": "200"}
    before = watched.samples().get(("clerk_sync_request_seconds_count", tuple(sorted(labels.items()))), 0)
    accepted = watched.value("clerk_sync_tokens_total", result="accepted")
    for _ in range(REQUESTS):  # a new connection for each, so that both workers get some
        assert requests.get(f"{watched.service.url}/api/session", headers=headers, timeout=10).status_code == 200
    scrapes = [watched.value("clerk_sync_request_seconds_count", **labels) for _ in range(6)]
    assert scrapes == [before + REQUESTS] * 6
    assert watched.value("clerk_sync_tokens_total", result="accepted") == accepted + REQUESTS


def test_deliveries_keys_and_sync_are_counted(watched: Watched) -> None:
    assert watched.value("clerk_sync_webhooks_total", type="user.created", outcome="applied") == 1
    assert watched.value("clerk_sync_webhooks_total", type="user.updated", outcome="parked") == 1
    assert watched.value("clerk_sync_webhook_lag_seconds_count") == 1
    assert watched.value("clerk_sync_webhooks_parked") == 1
    assert 0 <= watched.value("clerk_sync_last_event_age_seconds") < 600
    assert watched.value("clerk_sync_sync_runs_total", status="done") == 1
    assert watched.value("clerk_sync_sync_users_total", result="seen") == 1
    assert watched.value("clerk_sync_last_sync_users", result="unchanged") == 1
    assert watched.value("clerk_sync_sync_running") == 1
    assert watched.value("clerk_sync_key_fetches_total", result="fetched") >= 1
    assert watched.value("clerk_sync_database_up") == 1


def test_connections_in_use_equal_those_that_the_database_sees(watched: Watched) -> None:
    in_use = sum(value for (name, _), value in watched.samples().items() if name == "clerk_sync_database_connections")
    assert 1 <= in_use <= watched.value("clerk_sync_database_connections_allowed")


def test_every_metric_is_documented_and_every_documented_one_exists(watched: Watched) -> None:
    exposed = {line.split()[2] for line in watched.scrape().splitlines() if line.startswith("# TYPE ")}
    assert all(name.startswith("clerk_sync_") for name in exposed)
    documented = set(re.findall(r"^\| `(clerk_sync_\w+)` \|", OPERATIONS.read_text(), re.MULTILINE))
    assert exposed == documented


def test_every_metric_that_only_grows_is_a_counter(watched: Watched) -> None:
    types = re.findall(r"^# TYPE (\w+_total) (\w+)$", watched.scrape(), re.MULTILINE)
    assert {kind for _, kind in types} == {"counter"}
    assert len(types) == 8


def test_alarms_use_existing_metrics_and_labels(watched: Watched) -> None:
    known = watched.samples()
    names = {name for name, _ in known}
    values = {value for _, labels in known for _, value in labels}
    for rule in _rules():
        named = set(re.findall(r"\bclerk_sync_\w+", rule["expr"]))
        assert named, rule
        assert named <= names, rule["alert"]
        wanted = {word for text in re.findall(r'=~?"([^"]+)"', rule["expr"]) for word in text.split("|")}
        # A healthy service answers no 5xx.
        assert {word for word in wanted if not word.startswith("5")} <= values, rule["alert"]


def test_every_alarm_is_explained_and_has_a_runbook() -> None:
    text = OPERATIONS.read_text()
    anchors = {
        re.sub(r"[^a-z0-9 ]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"^### (.+)$", text, re.MULTILINE)
    }
    linked = set()
    for rule in _rules():
        assert f"`{rule['alert']}`" in text
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor in anchors) == ("docs/operations.md", True), rule["alert"]
        linked.add(anchor)
    assert anchors - linked == {"the-disk-is-full"}, "a runbook that no alarm leads to"


@pytest.mark.parametrize(("what", "file"), [("check", RULES), ("test", RULES_TEST)])
def test_promtool_accepts_the_rules_and_their_tests(what: str, file: object) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    ran = subprocess.run([program, what, "rules", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alarm_fires_in_a_test() -> None:
    tested = {
        expected["alertname"]
        for case in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for expected in case["alert_rule_test"]
        if expected["exp_alerts"]
    }
    assert tested == {rule["alert"] for rule in _rules()}


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules
