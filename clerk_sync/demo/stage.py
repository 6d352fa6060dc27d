"""What the demo starts: PostgreSQL, migrations, the local Clerk, and the service on the production server."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import requests

from clerk_sync.db import connect
from clerk_sync.demo.timeline import MismatchError, Timeline
from clerk_sync.emulator import LocalClerk

ROOT = Path.cwd()
DATA = ROOT / "instance" / "postgres"
DATABASE = "clerk_sync_demo"
LOG = ROOT / "instance" / "demo.log"
ENV_FILE = ROOT / "instance" / "demo.env"
LOCK = ROOT / "instance" / "demo.lock"
SETTINGS = ("CLERK_", "DATABASE_URL")
HOST = "127.0.0.1"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30


@dataclass(frozen=True)
class Stage:
    """The running processes and how to reach them."""

    service_url: str
    database_url: str
    clerk: LocalClerk
    environment: dict[str, str]

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``flask`` in a process and return its output."""
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            env=self.environment,
            cwd=ROOT,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def psql(self, statement: str, *values: object, application_name: str = "psql") -> list[tuple[Any, ...]]:
        """Run one statement on a new connection and return its rows."""
        connection = psycopg2.connect(self.database_url, application_name=application_name)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def only_demo() -> Iterator[None]:
    """Raise MismatchError if another demo runs: a second one would empty the database of the first."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MismatchError("another demo runs in this folder; stop it first") from None
        yield


@contextmanager
def start_stage(timeline: Timeline) -> Iterator[Stage]:
    """Start everything on an empty database; stop it in reverse order."""
    timeline.heading("Set-up")
    with timeline.started("PostgreSQL, embedded, with an empty database"):
        database_url = _empty_database()
    with (
        reserve_port(5000) as port,
        reserve_port(4010) as clerk_port,
        LocalClerk.start(
            port=clerk_port,
            webhook_url=f"http://{HOST}:{port}/api/webhooks/clerk",
            authorized_origin=f"http://{HOST}:{port}",
        ) as clerk,
    ):
        timeline.note(f"    the local Clerk at {clerk.url}")
        environment = _environment(clerk, database_url, port)
        stage = Stage(f"http://{HOST}:{port}", database_url, clerk, environment)
        with timeline.started("flask db upgrade"):
            _run(stage, "db", "upgrade")
        with timeline.started("flask shop load-products"):
            _run(stage, "shop", "load-products")
        with _env_file(environment), _service(environment) as process:
            with timeline.started(f"the service at {stage.service_url}, as in the Procfile, but local"):
                _wait_until_ready(stage.service_url, process)
            yield stage


def _empty_database() -> str:
    server_url = connect.embedded_url(DATA, "postgres")
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    connection.close()
    return connect.embedded_url(DATA, DATABASE)


def _environment(clerk: LocalClerk, database_url: str, port: int) -> dict[str, str]:
    """Return this process's environment, with only the demo's own settings."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(("CLERK_", "FLASK_"))}
    return {
        **foreign,
        **clerk.environment,
        "CLERK_SYNC_ENV": "development",
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # Ignore the developer's .env: it would point the service elsewhere.
        "FLASK_SKIP_DOTENV": "1",
        "PYTHONIOENCODING": "utf-8",
    }


@contextmanager
def _env_file(environment: dict[str, str]) -> Iterator[None]:
    """Write the file with which ``flask -e`` in another shell reaches this demo; remove it at the end."""
    settings = {name: value for name, value in environment.items() if name.startswith(SETTINGS)}
    lines = (f"{name}='{value}'\n" for name, value in sorted(settings.items()))
    ENV_FILE.write_text("".join(lines), encoding="utf-8")
    try:
        yield
    finally:
        ENV_FILE.unlink(missing_ok=True)


def _run(stage: Stage, *arguments: str) -> None:
    done = stage.flask(*arguments)
    if done.returncode != 0:
        raise MismatchError(f"flask {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr or done.stdout}")


@contextmanager
def _service(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    with LOG.open("wb") as log:
        # exec: otherwise signals reach the shell, not the server. The last --host overrides the Procfile's: the signing
        # secret of this service is public, so other machines must not reach it.
        line = f"exec {procfile['web']} --host {HOST}"
        process = subprocess.Popen(["/bin/sh", "-c", line], env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        process.kill()


def _wait_until_ready(service_url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(requests.ConnectionError):
            if requests.get(f"{service_url}/readyz", timeout=10).status_code == 200:
                return
        time.sleep(0.05)
    log = LOG.read_text(encoding="utf-8", errors="replace")
    raise MismatchError(f"the service did not become ready; the end of {LOG}:\n{log[-2000:]}")


@contextmanager
def reserve_port(wanted: int) -> Iterator[int]:
    """Yield ``wanted``, or another free port if it is taken, and lock it against other demos of this user.

    A probe alone is not enough: web workers share their port (SO_REUSEPORT). Two demos that start together would both
    find it free, and each would get requests of the other.
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
        lock_file = Path(tempfile.gettempdir()) / f"clerk_sync_demo_{os.getuid()}_{port}.lock"
        with lock_file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield port
            return
    raise MismatchError(f"no free port on {HOST}")
