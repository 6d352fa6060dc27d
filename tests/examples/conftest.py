"""The host application of examples/projects: its environment, its database and its commands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.conftest import PACKAGE, ROOT
from tests.stage.postgres import run_statement
from tests.stage.service import Environment, Service, environment_for, free_port, run_flask

PROJECTS = ROOT / "examples" / "projects"

SERVERS = {
    "granian": "granian --interface wsgi --port $PORT --workers $WEB_CONCURRENCY --factory app:create_app",
    "gunicorn": "gunicorn --no-control-socket --bind 127.0.0.1:$PORT --workers $WEB_CONCURRENCY 'app:create_app()'",
}


def host_environment(clerk: LocalClerk, database_url: str) -> Environment:
    """Return the environment of the example: that of a deployment, with the package under test.

    FLASK_APP, because in a checkout the package's folder has a wsgi.py, which ``flask`` would find first.
    """
    own = {"PYTHONPATH": str(PACKAGE.parent), "FLASK_APP": "app", "OTEL_SDK_DISABLED": "false"}
    return environment_for(clerk, database_url) | own


def run_host(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``flask`` in the folder of the example."""
    return run_flask(environment, *arguments, directory=PROJECTS)


@dataclass(frozen=True)
class Host:
    """The running example, its local Clerk and its database."""

    clerk: LocalClerk
    service: Service
    environment: Environment
    log: Path

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as an operator, and return its rows."""
        return run_statement(self.environment["DATABASE_URL"], statement, values)

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the example."""
        return run_host(self.environment, *arguments)

    def sign_up(self, email: str) -> requests.Session:
        """Sign a user up at the local Clerk's page, as a browser does; return a client with their cookies."""
        browser = requests.Session()
        form = {"first_name": "Ada", "last_name": "Example", "email_address": email, "redirect_url": self.service.url}
        answer = browser.post(f"{self.clerk.url}/sign-up", data=form, timeout=10, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        browser.headers["Origin"] = self.service.url
        self.clerk.webhook_sender.wait_idle()
        return browser


@pytest.fixture(scope="module", params=SERVERS)
def host(
    request: pytest.FixtureRequest, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """The example with one worker, migrated by its own commands, on each of the servers."""
    port, log = free_port(), tmp_path_factory.mktemp("host") / "service.log"
    url = f"http://127.0.0.1:{port}"
    with LocalClerk.start(webhook_url=f"{url}/api/webhooks/clerk", authorized_origin=url) as clerk:
        environment = host_environment(clerk, new_database())
        for command in (["sync-clerk", "migrate"], ["db", "upgrade"]):
            ran = run_host(environment, *command)
            assert ran.returncode == 0, ran.stderr
        line = SERVERS[request.param]
        with Service(environment, log, port=port, workers=1, line=line, directory=PROJECTS) as service:
            yield Host(clerk, service, environment, log)
