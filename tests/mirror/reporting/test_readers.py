"""Console, API, metrics, doctor and check say the same of the mirror: each definition exists once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.cli.sync.lease import acquire
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.mirror.sync.runs import Kind
from tests.conftest import ORIGIN, clerk_event, clerk_user
from tests.local_clerk import Command, Query
from tests.web.console.conftest import Browser, text_of

BOSS = "user_boss"
EVENT = "INSERT INTO webhook_events (svix_id, type, outcome, received_at) VALUES (%s, %s, %s, now() - %s::interval)"


class Readers:
    """Everybody who reads the state of the mirror."""

    def __init__(self, app: Flask, command: Command, token: Callable[..., str], query: Query) -> None:
        self._app, self._command, self._token = app, command, token
        self._session = {"Authorization": f"Bearer {token(BOSS)}"}
        app.test_client().get("/api/me", headers=self._session, base_url=ORIGIN)
        query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", BOSS)

    def console(self, path: str) -> str:
        return text_of(Browser(self._app.test_client(), self._token, BOSS).get(path))

    def api(self) -> Any:
        return self._app.test_client().get("/api/admin/sync", headers=self._session).get_json()

    def metrics(self) -> str:
        return self._app.test_client().get("/metrics").get_data(as_text=True)

    def metric(self, name: str) -> float | None:
        found = re.search(rf"^clerk_sync_{re.escape(name)} (\S+)$", self.metrics(), re.MULTILINE)
        return float(found[1]) if found else None

    def doctor(self, subject: str) -> str | None:
        findings = json.loads(self._command("doctor", "--json").stdout)["findings"]
        return next((each["found"] for each in findings if each["subject"] == subject), None)

    def check(self) -> Any:
        return self._command("check", "--json").report


@pytest.fixture
def readers(clerk_app: Flask, command: Command, session_token: Callable[..., str], query: Query) -> Readers:
    return Readers(clerk_app, command, session_token, query)


def test_all_readers_name_the_same_last_event(readers: Readers, query: Query) -> None:
    query(EVENT, "msg_1", "user.created", "applied", "3 hours")
    query(EVENT, "msg_2", SELF_TEST, "ignored", "1 second")
    assert re.search(r"Last event 3 h ago user\.created, applied", readers.console("/console"))
    assert readers.api()["last_event"]["type"] == "user.created"
    assert 3 * 3600 <= (readers.metric("last_event_age_seconds") or 0) < 3 * 3600 + 60
    assert readers.doctor("last event") == "3 h ago"
    assert 3 * 3600 <= readers.check()["last_event_age_seconds"] < 3 * 3600 + 60


def test_a_self_test_alone_is_no_event_for_any_reader(readers: Readers, query: Query) -> None:
    query(EVENT, "msg_2", SELF_TEST, "ignored", "1 second")
    assert "Last event never" in readers.console("/console")
    assert readers.api()["last_event"] is None
    assert readers.metric("last_event_age_seconds") is None
    assert readers.doctor("last event") == "none ever"
    assert readers.check()["last_event_at"] is None


def test_a_delivery_without_a_type_is_an_event(readers: Readers, query: Query) -> None:
    query(EVENT, "msg_1", None, "parked", "1 minute")
    assert readers.api()["last_event"]["outcome"] == "parked"
    assert re.fullmatch(r"6\d s ago", readers.doctor("last event") or "")


def test_self_tests_are_in_no_count_of_deliveries(readers: Readers, deliver: Callable[..., TestResponse]) -> None:
    before = readers.metrics()
    assert deliver({"object": "event", "type": SELF_TEST, "data": {}}).get_json() == {"outcome": "ignored"}
    assert counts(readers.metrics()) == counts(before)
    assert "No delivery has arrived" in readers.console("/console")
    deliver(clerk_event("user.created", clerk_user(id="user_new")))
    assert counts(readers.metrics()) != counts(before)
    assert "No delivery has arrived" not in readers.console("/console")


def counts(metrics: str) -> list[str]:
    return [line for line in metrics.splitlines() if line.startswith("clerk_sync_webhooks_total")]


@pytest.mark.parametrize(("silence", "is_lost"), [("4 seconds", False), ("12 seconds", True), ("25 seconds", True)])
def test_all_readers_agree_whether_a_run_has_lost_its_lease(
    readers: Readers, transactions: TransactionalConnection, query: Query, silence: str, is_lost: bool
) -> None:
    query("INSERT INTO sync_runs (kind, heartbeat_at) VALUES ('all', now() - %s::interval)", silence)
    ((run_id,),) = query("SELECT id FROM sync_runs")
    assert (readers.doctor("lease") is not None) is is_lost
    assert ("no heartbeat for" in readers.console(f"/console/runs/{run_id}")) is is_lost
    assert is_taken_over(transactions) is is_lost


def is_taken_over(transactions: TransactionalConnection) -> bool:
    """Whether a new run gets the lease at once."""

    class Waits(Exception):
        pass

    def give_up(_: float) -> None:
        raise Waits

    try:
        acquire(transactions, Kind.ALL, resume=False, say=lambda _: None, sleep=give_up)
    except Waits:
        return False
    return True
