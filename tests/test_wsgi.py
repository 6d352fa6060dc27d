"""``wsgi.py``: servers get the whole application, commands only their part, independent of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

from clerk_sync.app import Application, create_app, create_command_app
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.shop.db import db
from tests.conftest import ORIGIN, ROOT, WEBHOOK_SECRET
from tests.stage.changed_settings import changed
from tests.stage.service import run_flask

COMMAND_LINES = [
    ["gunicorn", "--name", "shop", "wsgi:app"],
    ["gunicorn", "--name", "sync-clerk", "wsgi:app"],
    ["server", "sync-clerk", "clerk-emulator", "db", "shop", "sync", "upgrade"],
    ["server", "sync-clerk", "doctor", "--help"],
]

ANSWERS = "import sys; sys.argv = {argv!r}; import wsgi; print(wsgi.app.test_client().get('/healthz').status_code)"


@pytest.fixture
def environment() -> dict[str, str]:
    ours = ("CLERK_", "DATABASE_URL", "LOG_", "METRICS_", "PROMETHEUS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "CLERK_SYNC_ENV": "production",
        "DATABASE_URL": "postgresql://127.0.0.1/nobody_connects",
        "CLERK_AUTHORIZED_PARTIES": ORIGIN,
        "CLERK_WEBHOOK_SIGNING_SECRET": WEBHOOK_SECRET,
        "FLASK_SKIP_DOTENV": "1",
    }


def python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("line", COMMAND_LINES, ids=" ".join)
def test_a_server_has_every_route_independent_of_its_command_line(environment: dict[str, str], line: list[str]) -> None:
    ran = python(ANSWERS.format(argv=line), environment)
    assert (ran.returncode, ran.stdout) == (0, "200\n"), ran.stderr


def test_flask_routes_lists_every_route(environment: dict[str, str], settings: Settings) -> None:
    listed = run_flask(environment, "routes")
    assert listed.returncode == 0, listed.stderr
    named = {line.split()[-1] for line in listed.stdout.splitlines() if " /" in line}
    rules = create_app(changed(settings, environment=Environment.PRODUCTION)).url_map.iter_rules()
    assert named == {rule.rule for rule in rules}


@pytest.fixture
def light_app(settings: Settings) -> Iterator[Application]:
    """The application as ``flask`` loads it to find a command."""
    app = create_command_app(settings)
    assert not list(app.url_map.iter_rules())
    yield app
    with app.app_context():
        db.engine.dispose()


def test_an_application_loaded_for_a_command_answers_requests(light_app: Application) -> None:
    client = light_app.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/nowhere").get_json()["code"] == "not-found"


def test_first_requests_that_come_at_once_find_every_route(light_app: Application) -> None:
    together = Barrier(8)

    def ask(_: int) -> str:
        together.wait(10)
        return run_wsgi_app(light_app, Request.from_values("/readyz").environ)[1]

    with ThreadPoolExecutor(8) as clients:
        assert {status[:3] for status in clients.map(ask, range(8))} <= {"200", "503"}


COMMANDS = [
    ["sync-clerk", "sync"],
    ["sync-clerk", "check"],
    ["sync-clerk", "replay"],
    ["sync-clerk", "prune", "--older-than", "1d"],
    ["sync-clerk", "rebind"],
    ["shop", "load-products"],
    ["clerk-emulator", "trigger", "user.created"],
    ["db", "upgrade"],
]


@pytest.mark.parametrize("command", [*COMMANDS, ["routes"], ["run", "--port", "0"]], ids=" ".join)
def test_a_wrong_setting_stops_every_command_with_one_report(environment: dict[str, str], command: list[str]) -> None:
    ran = run_flask(environment | {"CLERK_SECRET_KEY": "foo"}, *command)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "clerk_sync cannot start: 1 setting is wrong or missing.",
        "  CLERK_SECRET_KEY: found a value that cannot be used, expected sk_test_… or sk_live_….",
    ]


@pytest.mark.parametrize("command", [["sync-clerk", "sync"], ["db", "upgrade"], ["shop"]], ids=" ".join)
def test_a_wrong_setting_keeps_no_help_page_back(environment: dict[str, str], command: list[str]) -> None:
    ran = run_flask(environment | {"CLERK_SECRET_KEY": "foo"}, *command, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: ")


def test_a_wrong_setting_does_not_stop_the_doctor(environment: dict[str, str]) -> None:
    ran = run_flask(environment | {"CLERK_SECRET_KEY": "foo"}, "sync-clerk", "doctor")
    assert ran.returncode == 1
    assert "wrong   CLERK_SECRET_KEY" in ran.stdout
