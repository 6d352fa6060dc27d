"""Marked users and secrets go through every route and command, and no log and no error shows them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from werkzeug.routing import Map

from clerk_sync.app import create_app
from clerk_sync.emulator import LocalClerk
from clerk_sync.settings.settings import Settings
from tests.journeys.canaries import EMAIL, MARK, RouteRequests, holds_mark, person
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement
from tests.stage.servers import wait_for
from tests.stage.service import Service, environment_for, free_port, run_flask

KINDS = {
    "production": {"CLERK_SYNC_ENV": "production", "LOG_LEVEL": "DEBUG"},
    "development": {"CLERK_SYNC_ENV": "development", "LOG_LEVEL": "DEBUG"},
    "without its database": {"CLERK_SYNC_ENV": "production", "LOG_LEVEL": "DEBUG"},
}


_REQUEST = re.compile(r'"event":"request"| INFO    request ')
_ID = re.compile(r"request_id\W+(route-[0-9]+)")


@dataclass
class Output:
    """The output of the service and the commands that processed marked values."""

    kind: str
    routes: RouteRequests
    secrets: list[str]
    log: Path
    commands: dict[str, str] = field(default_factory=dict)
    exit_codes: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module", params=KINDS)
def output(
    request: pytest.FixtureRequest, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Output]:
    kind: str = request.param
    url = migrate(new_database())
    given_url = (
        _with_marked_login(url) if kind != "without its database" else f"postgresql://{MARK}:{MARK}@127.0.0.1:1/x"
    )
    port, log = free_port(), tmp_path_factory.mktemp("logs") / "service.log"
    with LocalClerk.start(webhook_url=f"http://127.0.0.1:{port}/api/webhooks/clerk", schedule_factor=0.001) as clerk:
        environment = environment_for(clerk, given_url) | KINDS[kind] | {"METRICS_TOKEN": f"metrics-{MARK}"}
        service = Service(environment, log, port=port, workers=1)
        service.start()
        try:
            service.wait_until_ready("/healthz")
            output = Output(kind, RouteRequests(service.url), _secrets_of(clerk), log)
            with closing(output.routes):
                _drive(output, clerk, url)
            if kind == "production":
                _run_commands(output, clerk, environment)
        finally:
            service.stop()
        yield output


def _with_marked_login(url: str) -> str:
    # The test server accepts any password.
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{MARK}@{host}").geturl()


def _secrets_of(clerk: LocalClerk) -> list[str]:
    return [clerk.secret_key, clerk.webhook_secret, clerk.webhook_secret.removeprefix("whsec_")]


def _drive(output: Output, clerk: LocalClerk, url: str) -> None:
    boss, customer = (clerk.users.create(**person(number))["id"] for number in (1, 2))
    if output.kind != "without its database":
        clerk.webhook_sender.wait_idle(30)
        run_statement(url, "UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", (boss,))
    clerk.webhook_sender.send(
        "user.updated", {"id": 7, "first_name": MARK, "email_addresses": [{"email_address": EMAIL}]}
    )
    clerk.webhook_sender.send("user.updated", {"id": "user_odd", "updated_at": EMAIL, "first_name": MARK})
    clerk.webhook_sender.send_body("user.created", f'{{"type": "user.created", "data": "{MARK}'.encode())
    clerk.webhook_sender.send_body("user.created", json.dumps([MARK]).encode())
    if output.kind != "without its database":
        parked = "SELECT svix_id FROM webhook_events WHERE outcome = 'parked' OFFSET 2"
        wait_for(lambda: run_statement(url, parked), "three parked events")
    tokens = [clerk.session_token(each) for each in (boss, customer)]
    forged = clerk.session_token(customer, header={"kid": MARK}, azp=f"https://{MARK}.example.com")
    output.secrets += [part for token in [*tokens, forged] for part in token.split(".")[1:]]
    output.routes.every_route(_url_map(), [*tokens, forged])
    for headers in ({}, {"svix-id": MARK, "svix-timestamp": "1", "svix-signature": f"v1,{MARK}"}):
        output.routes.send(
            "POST", "/api/webhooks/clerk", {"Content-Type": "application/json", **headers}, MARK.encode()
        )
    output.routes.send("GET", "/metrics", {"Authorization": f"Bearer wrong-{MARK}"})
    odd_id = requests.get(f"{output.routes.url}/healthz", headers={"X-Request-ID": f"{MARK} {EMAIL}"}, timeout=10)
    assert not holds_mark(odd_id.headers["X-Request-ID"])


def _url_map() -> Map:
    """All routes of all environments."""
    return create_app(Settings(env="development")).url_map


def _run_commands(output: Output, clerk: LocalClerk, environment: dict[str, str]) -> None:
    def run(name: str, *arguments: str, **changes: str) -> None:
        ran = run_flask({**environment, **changes}, *arguments)
        output.commands[name] = ran.stdout + ran.stderr
        output.exit_codes[name] = ran.returncode

    with clerk.webhook_sender.muted():
        clerk.users.create(**person(3))
    run("dry run", "sync-clerk", "sync", "--dry-run", "--verbose")
    run("check", "sync-clerk", "check")
    run("sync", "sync-clerk", "sync", "--json")
    clerk.faults.add("/v1/users", body=[{"id": "user_odd", "object": "user", "first_name": MARK, "updated_at": EMAIL}])
    run("sync over odd users", "sync-clerk", "sync", "--json")
    clerk.faults.clear()
    run("sync without a database", "sync-clerk", "sync", DATABASE_URL=f"postgresql://{MARK}:{MARK}@127.0.0.1:1/{MARK}")
    run("sync with another key", "sync-clerk", "sync", CLERK_SECRET_KEY=f"sk_test_{MARK}")
    run("replay", "sync-clerk", "replay")
    run("doctor", "sync-clerk", "doctor", "--url", output.routes.url)
    run("doctor of a ruin", "sync-clerk", "doctor", DATABASE_URL=f"mysql://{MARK}@x/y", CLERK_SECRET_KEY=MARK)
    run("prune", "sync-clerk", "prune", "--older-than", "90d")
    run("settings", "sync-clerk", "check", CLERK_SECRET_KEY=MARK, CLERK_JWT_KEY=MARK, DATABASE_URL=MARK)
    run("migrations without a database", "db", "upgrade", DATABASE_URL=f"postgresql://{MARK}:{MARK}@127.0.0.1:1/x")


def test_no_log_line_shows_a_person_a_request_or_a_secret(output: Output) -> None:
    text = output.log.read_text()
    assert [line for line in text.splitlines() if holds_mark(line)] == []
    assert [secret for secret in output.secrets if secret in text] == []
    assert "Traceback" not in text


def test_no_error_shows_more_than_the_requested_path(output: Output) -> None:
    assert output.routes.leaks == []
    assert {401, 404} <= output.routes.statuses
    assert 500 not in output.routes.statuses


def test_no_command_shows_a_person_or_a_secret(output: Output) -> None:
    for name, said in output.commands.items():
        assert not holds_mark(said), f"{name}: {said}"
        assert [secret for secret in output.secrets if secret in said] == [], name
        assert "Traceback" not in said, f"{name}: {said}"
    if output.commands:
        assert output.exit_codes["sync"] == 0, output.commands["sync"]
        assert output.exit_codes["settings"] == 2


def test_every_request_leaves_one_line_under_its_id(output: Output) -> None:
    lines = [line for line in output.log.read_text().splitlines() if _REQUEST.search(line)]
    counted = Counter(id_ for line in lines for id_ in _ID.findall(line))
    assert {counted[id_] for id_ in output.routes.sent} == {1}


def test_lines_are_json_with_the_pattern_of_the_route_and_the_outcome(output: Output) -> None:
    text = output.log.read_text().splitlines()
    if output.kind == "development":
        assert not any(line.startswith("{") for line in text), "people read these"
        return
    # granian logs its own lines at start and end: [INFO] …
    lines = [json.loads(line) for line in text if not line.startswith("[")]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    routes = {line["route"] for line in lines if line["event"] == "request"}
    assert routes <= {rule.rule for rule in _url_map().iter_rules()} | {"unmatched"}
    outcomes = {line.get("outcome") for line in lines}
    assert ({"applied", "parked"} <= outcomes) is (output.kind != "without its database")
