from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result
from svix.webhooks import Webhook

from clerk_sync.cli.emulator.commands import emulator
from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api, Endpoint


def run(*arguments: str) -> Result:
    return CliRunner().invoke(emulator, arguments)


def at(clerk: LocalClerk, *arguments: str) -> Result:
    """Run a command against the running local Clerk."""
    result = run(*arguments, "--emulator", clerk.url)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


class Running:
    """``clerk-emulator run`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        program = "from clerk_sync.cli.emulator.commands import emulator; emulator()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "run", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().strip() for _ in range(5)]
        self.environment = dict(line.split("=", 1) for line in lines)
        self.url = self.environment["CLERK_API_URL"]

    def end(self, with_signal: int) -> tuple[int, str]:
        """End it with a signal; return the exit status and what it said on the way."""
        os.kill(self.process.pid, with_signal)
        _, told = self.process.communicate(timeout=10)
        return self.process.returncode, told


@pytest.fixture
def running(tmp_path: Path, endpoint: Endpoint) -> Iterator[Running]:
    state = str(tmp_path / "state.json")
    running = Running("--users", "30", "--webhook-url", endpoint.url, "--state", state)
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def test_run_prints_what_belongs_into_env_and_serves_until_ctrl_c(running: Running, endpoint: Endpoint) -> None:
    headers = {"Authorization": f"Bearer {running.environment['CLERK_SECRET_KEY']}"}
    users = requests.get(running.url + "/v1/users/count", headers=headers, timeout=5).json()
    assert users["total_count"] == 30
    created = requests.post(running.url + "/v1/users", json={"username": "ada"}, headers=headers, timeout=5)
    user_id = created.json()["id"]
    endpoint.wait_for(1)
    secret = running.environment["CLERK_WEBHOOK_SIGNING_SECRET"]
    Webhook(secret).verify(endpoint.received[0].body, endpoint.received[0].headers)
    assert running.process.stderr is not None
    told = "".join(iter(running.process.stderr.readline, "\n"))
    assert "30 users" in told
    line = running.process.stderr.readline()
    assert re.fullmatch(r"user\.created msg_\w+ attempt 1: 200\n", line)
    status, told = running.end(signal.SIGINT)
    assert status == 0
    assert user_id not in told
    assert "Traceback" not in told


def test_run_keeps_its_state_and_ends_cleanly_with_sigterm(running: Running, tmp_path: Path) -> None:
    requests.post(running.url + "/_local/users/seed", json={"count": 5, "seed": 9}, timeout=5).raise_for_status()
    assert running.end(signal.SIGTERM)[0] == 0
    again = Running("--state", str(tmp_path / "state.json"), "--webhook-url", "", "--users", "1000")
    try:
        assert requests.get(again.url + "/_local/state", timeout=5).json()["users"] == 35
        assert again.environment["CLERK_SECRET_KEY"] == running.environment["CLERK_SECRET_KEY"]
    finally:
        again.end(signal.SIGINT)


def test_a_taken_port_is_one_sentence(clerk: LocalClerk) -> None:
    result = run("run", "--port", str(clerk.port))
    assert result.exit_code == 1
    assert f"cannot start on port {clerk.port}" in result.output


def test_trigger_goes_through_the_running_clerk(clerk: LocalClerk, endpoint: Endpoint) -> None:
    user = clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    result = at(clerk, "trigger", "user.updated", "--user", user["id"], "--twice")
    assert result.exit_code == 0
    assert [line.split(" ")[0] for line in result.output.splitlines()] == ["user.updated"] * 2
    assert [each.type for each in clerk.webhook_sender.deliveries] == ["user.created", "user.updated", "user.updated"]
    assert json.loads(endpoint.received[-1].body)["data"] == user


def test_trigger_out_of_order_sends_the_newer_version_first(clerk: LocalClerk, endpoint: Endpoint) -> None:
    assert at(clerk, "trigger", "user.created", "--out-of-order").exit_code == 0
    assert [json.loads(each.body)["type"] for each in endpoint.received] == ["user.updated", "user.created"]


def test_trigger_late_carries_the_time_when_it_happened(clerk: LocalClerk, endpoint: Endpoint) -> None:
    assert at(clerk, "trigger", "user.created", "--delay", "0.2").exit_code == 0
    (delivery,) = clerk.webhook_sender.deliveries
    assert delivery.sent_at_ms - json.loads(endpoint.received[0].body)["timestamp"] >= 200


def test_trigger_stands_alone_with_a_url_and_a_secret(endpoint: Endpoint) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert run("trigger", "session.created", "--url", endpoint.url, "--secret", secret).exit_code == 0
    Webhook(secret).verify(endpoint.received[0].body, endpoint.received[0].headers)


def test_trigger_says_with_its_exit_status_that_a_delivery_was_refused(clerk: LocalClerk, endpoint: Endpoint) -> None:
    endpoint.answers = [(200, {}), (400, {})]
    result = at(clerk, "trigger", "user.created", "--twice")
    assert result.exit_code == 1
    assert "attempt 2: 400" in result.output
    assert run("trigger", "user.created", "--url", "http://127.0.0.1:9/").exit_code == 1


@pytest.mark.parametrize("arguments", [("user.exploded",), ("user.created", "--user", "user_unknown")])
def test_trigger_explains_what_it_does_not_know(clerk: LocalClerk, arguments: tuple[str, ...]) -> None:
    for result in (at(clerk, "trigger", *arguments), run("trigger", *arguments, "--url", "http://127.0.0.1:9/")):
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")


def test_faults_are_made_shown_and_taken_back(clerk: LocalClerk, api: Api) -> None:
    made = at(clerk, "fault", "api", "/v1/users", "--status", "429", "--retry-after", "2", "--times", "0")
    assert made.exit_code == 0
    assert [api.get("/v1/users").headers.get("Retry-After") for _ in range(2)] == ["2", "2"]
    assert at(clerk, "fault", "webhook", "drop", "--type", "user.created").exit_code == 0
    shown = json.loads(at(clerk, "fault", "list").output)
    assert [each.get("status", each.get("kind")) for each in shown] == [429, "drop"]
    assert at(clerk, "fault", "clear").exit_code == 0
    assert json.loads(at(clerk, "fault", "list").output) == []


def test_every_kind_of_webhook_fault_can_be_made(clerk: LocalClerk, endpoint: Endpoint) -> None:
    for arguments in (("double",), ("delay", "--delay", "0.01"), ("shuffle", "--window", "2")):
        assert at(clerk, "fault", "webhook", *arguments).exit_code == 0
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 2


def test_keys_and_secrets_are_rotated(clerk: LocalClerk) -> None:
    assert at(clerk, "rotate", "key", "--keep-kid").output.strip() == clerk.instance_id
    assert at(clerk, "rotate", "signing-secret").output.strip() == clerk.webhook_secret


def test_what_was_lost_is_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    clerk.faults.drop()
    clerk.users.create(username="ada")
    assert at(clerk, "replay", "--missing").output == "1 sent again.\n"
    clerk.webhook_sender.wait_idle()
    assert at(clerk, "replay", endpoint.ids[0]).exit_code == 0
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 2
    assert at(clerk, "replay", "msg_unknown").exit_code == 1
    assert at(clerk, "replay").exit_code == 2


def test_deliveries_are_shown_as_lines_or_in_full(clerk: LocalClerk) -> None:
    user = clerk.users.create(email="ada@example.com")
    clerk.webhook_sender.wait_idle()
    lines = at(clerk, "deliveries").output
    assert re.fullmatch(r"user\.created msg_\w+ attempt 1: 200\n", lines)
    (full,) = json.loads(at(clerk, "deliveries", "--json").output)
    assert full["body"]["data"]["id"] == user["id"]


@pytest.mark.parametrize(
    "arguments",
    [("fault", "list"), ("fault", "clear"), ("rotate", "key"), ("replay", "--failed"), ("deliveries",)],
)
def test_where_no_clerk_runs_the_command_says_how_to_start_one(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--emulator", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "flask clerk-emulator run" in result.output
