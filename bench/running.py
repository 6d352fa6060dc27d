"""Server processes: the service as the Procfile starts it, the stand-in for Clerk, and the fixed responder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec

from bench.stage import Environment, MeasurementSpoiled
from bench.stand_in import TALLY_PATH
from tests.stage.service import ROOT, free_port

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Running:
    """A process that listens on a port of 127.0.0.1."""

    pid: int
    port: int

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextmanager
def web_server(
    environment: Environment, log: Path, *, factory: str = "wsgi:serve", path: str = "/readyz"
) -> Iterator[Running]:
    """Start the Procfile's server with the service or another ``factory``. It logs into a file."""
    line = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web: "))
    command = line.removeprefix("web: ").replace("wsgi:serve", factory)
    port = free_port()
    with (
        log.open("wb") as file,
        _process(
            ["/bin/sh", "-c", f"exec {command}"],
            env={"WEB_CONCURRENCY": "2", **environment, "PORT": str(port)},
            stdout=file,
            stderr=file,
        ) as process,
    ):
        running = Running(process.pid, port)
        _wait_until_ready(running, path, process, log)
        yield running


@contextmanager
def stand_in(users: int, *, latency_ms: float = 0.0) -> Iterator[Running]:
    """Start a stand-in for Clerk with ``users``, and wait until it has written their pages."""
    with _module("bench.stand_in", "--users", str(users), "--latency-ms", str(latency_ms)) as running:
        yield running


@contextmanager
def responder() -> Iterator[Running]:
    """Start the server with one fixed response."""
    with _module("bench.responder") as running:
        yield running


def take_tally(running: Running) -> dict[str, Any]:
    """Return a stand-in's ``stand_in.Tally`` since the last call, and its CPU time."""
    tally: dict[str, Any] = msgspec.json.decode(running.get(TALLY_PATH)[1])
    return tally


@contextmanager
def _module(name: str, *arguments: str) -> Iterator[Running]:
    """Run a module that prints its port when it is ready."""
    with _process([sys.executable, "-m", name, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None, "requested above"
        said = process.stdout.readline()
        if not said.strip().isdigit():
            raise MeasurementSpoiled(f"{name} did not start")
        yield Running(process.pid, int(said))


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    # Its own process group, so that its children can be killed with it.
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(running: Running, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, HTTPException):
            if running.get(path)[0] == 200:
                return
        time.sleep(0.02)
    raise MeasurementSpoiled(f"the server did not become ready; its log ends with\n{log.read_text()[-2000:]}")
