"""No thread imports a module first.

Python lets two threads import at once. If they import parts of one library in different orders, each waits for the
other, and one of them fails with ``_DeadlockError``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.imports import ImportWatch
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement
from tests.stage.servers import wait_for
from tests.stage.service import ROOT, Environment, Service, environment_for, free_port, run_flask

USERS = 1500  # three pages: several threads read them


@pytest.fixture(scope="module")
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as started:
        started.users.seed(USERS)
        yield started


@pytest.fixture(scope="module")
def environment(clerk: LocalClerk, new_database: Callable[[], str]) -> Environment:
    return environment_for(clerk, migrate(new_database()))


@pytest.fixture
def watch(tmp_path: Path) -> ImportWatch:
    return ImportWatch(tmp_path)


@pytest.mark.parametrize(
    "arguments", [["sync"], ["sync", "--dry-run"], ["check"], ["check", "--quick"], ["doctor"]], ids=" ".join
)
def test_the_threads_of_a_command_import_nothing_first(
    environment: Environment, watch: ImportWatch, arguments: list[str]
) -> None:
    ran = run_flask(environment | watch.environment, "sync-clerk", *arguments)
    assert "Traceback" not in ran.stderr
    assert watch.of_threads() == set()


def test_sync_survives_modules_that_are_found_late(environment: Environment, tmp_path: Path) -> None:
    delays_s = {"urllib3._base_connection": 0.05, "urllib3.util": 0.1}
    late = ImportWatch(tmp_path, delays_s)
    for _ in range(3):  # which thread comes first is left to chance
        ran = run_flask(environment | late.environment, "sync-clerk", "sync", "--json")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert json.loads(ran.stdout)["seen"] == USERS


def test_the_threads_of_a_web_worker_import_nothing_first(
    environment: Environment, watch: ImportWatch, clerk: LocalClerk, app: Flask, tmp_path: Path
) -> None:
    with Service(environment | watch.environment, tmp_path / "service.log", workers=1) as service:
        use_every_route(app, service.url, clerk, environment)
    assert watch.of_threads() == set()


def test_the_threads_of_the_development_server_import_nothing_first(
    environment: Environment, watch: ImportWatch, clerk: LocalClerk, app: Flask, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    own = {**environment, **watch.environment, "CLERK_SYNC_ENV": "development"}
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=own, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(url), "the development server answers")
        use_every_route(app, url, clerk, environment)
    finally:
        server.terminate()
        server.wait()
    assert watch.of_threads() == set()


def test_the_threads_of_the_local_clerk_import_nothing_first(watch: ImportWatch, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flask", "clerk-emulator", "run", "--port", "0", "--users", "3"]
    options = ["--state", str(tmp_path / "state.json"), "--schedule-factor", "0.001"]
    with subprocess.Popen(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, **watch.environment, "FLASK_SKIP_DOTENV": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        told = dict(server.stdout.readline().strip().split("=", 1) for _ in range(5))
        url, key = told["CLERK_API_URL"], {"Authorization": f"Bearer {told['CLERK_SECRET_KEY']}"}
        for path in ("/v1/users", "/v1/instance", "/v1/jwks", "/.well-known/jwks.json", "/", "/sign-up", "/nowhere"):
            requests.get(url + path, headers=key, timeout=10)
        for path in ("_local/webhooks/trigger", "_local/keys/rotate", "_local/webhooks/rotate"):
            requests.post(f"{url}/{path}", json={"type": "user.created"}, timeout=10)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=10)
    assert watch.of_threads() == set()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def use_every_route(app: Flask, url: str, clerk: LocalClerk, environment: Environment) -> None:
    """Send a request to each route by each of its methods, as an administrator, and deliver an event."""
    user = clerk.users.snapshot()[0]
    session = {"Authorization": f"Bearer {clerk.session_token(user.id)}", "Origin": clerk.authorized_origin}
    assert requests.get(f"{url}/api/me", headers=session, timeout=10).ok
    run_statement(environment["DATABASE_URL"], "UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", (user.id,))
    for rule in app.url_map.iter_rules():
        path = rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)
        assert path is not None
        for method in sorted(rule.methods or ()):
            requests.request(method, url + path[1], headers=session, json={}, timeout=10, allow_redirects=False)
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    headers = {"Content-Type": "application/json", **sign_delivery(body, "msg_1", clerk.webhook_secret)}
    assert requests.post(f"{url}/api/webhooks/clerk", data=body, headers=headers, timeout=10).ok
