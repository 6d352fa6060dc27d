"""All servers of one installation: the local Clerk, one or more servers of the service, and a migrated database."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from clerk_sync.emulator import LocalClerk
from tests.stage.postgres import run_statement
from tests.stage.service import Environment, Service, environment_for, free_port, run_flask

TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Servers:
    """The running servers, and methods to use them."""

    clerk: LocalClerk
    services: list[Service]
    database_url: str
    environment: Environment

    @property
    def service(self) -> Service:
        """The first server."""
        return self.services[0]

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as an operator, and return its rows."""
        return run_statement(self.database_url, statement, values)

    def flask(self, *arguments: str, answer: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``flask`` as an operator."""
        return run_flask(self.environment, *arguments, answer=answer)

    def call(
        self, method: str, path: str, user_id: str, *, http: requests.Session | None = None, **options: Any
    ) -> requests.Response:
        """Send one request with a new session token of ``user_id``."""
        token = self.clerk.session_token(user_id)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        client = http or requests
        return client.request(method, self.service.url + path, headers=headers, timeout=TIMEOUT_S, **options)


@contextmanager
def start_servers(
    database_url: str, logs: Path, *, servers: int = 1, workers: int = 2, **clerk_options: Any
) -> Iterator[Servers]:
    """Start all servers on the migrated database at ``database_url``. Stop them in reverse order."""
    ports = [free_port() for _ in range(servers)]
    hooks = [f"http://127.0.0.1:{port}/api/webhooks/clerk" for port in ports]
    with ExitStack() as stack:
        clerk = stack.enter_context(LocalClerk.start(webhook_url=hooks, **({"schedule_factor": 0.001} | clerk_options)))
        environment = environment_for(clerk, database_url)
        services = [Service(environment, logs / f"service-{port}.log", port=port, workers=workers) for port in ports]
        for service in services:
            # Not stop: a graceful shutdown takes almost a second, and nothing is left to serve.
            stack.callback(service.kill)
            service.start()
        for service in services:
            service.wait_until_ready()
        yield Servers(clerk, services, database_url, environment)


def wait_for(look: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> Any:
    """Call ``look`` until its result is true, and return it. Fail with ``what`` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")
