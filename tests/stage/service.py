"""The service as the Procfile starts it, and the command ``flask``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import requests

from clerk_sync.emulator import LocalClerk

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 5
POLL_S = 0.02

Environment = dict[str, str]


def environment_for(clerk: LocalClerk, database_url: str) -> Environment:
    """Return the environment of a production deployment on ``clerk`` and ``database_url``."""
    ours = ("CLERK_", "FLASK_", "PG", "PROMETHEUS_")
    foreign = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **foreign,
        **clerk.environment,
        "CLERK_SYNC_ENV": "production",
        "DATABASE_URL": database_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # Ignore the developer's .env file.
        "FLASK_SKIP_DOTENV": "1",
    }


def run_flask(
    environment: Mapping[str, str], *arguments: str, answer: str | None = None, directory: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run ``flask`` in ``directory`` with ``answer`` as its standard input, and return its output."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        env=dict(environment),
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
        input=answer if answer is not None else "",
    )


def procfile_line(name: str) -> str:
    """Return the command of the Procfile's line ``name``."""
    return dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())[name]


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """One server with its worker processes. It can be started again after it ended or was killed."""

    def __init__(
        self,
        environment: Environment,
        log: Path,
        *,
        port: int | None = None,
        workers: int = 2,
        line: str | None = None,
        directory: Path = ROOT,
    ) -> None:
        """``line`` is a shell command that replaces the Procfile's. It may use $PORT and $WEB_CONCURRENCY."""
        self._directory = directory
        self.port = port or free_port()
        self._line = line or procfile_line("web")
        self.url = f"http://127.0.0.1:{self.port}"
        self.webhook_url = f"{self.url}/api/webhooks/clerk"
        self._environment = {**environment, "PORT": str(self.port), "WEB_CONCURRENCY": str(workers)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        self.start()
        try:
            self.wait_until_ready()
        except TimeoutError:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server without waiting until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {self._line}"],
                env=self._environment,
                cwd=self._directory,
                stdout=log,
                stderr=log,
                # Its own process group, so that it can be killed with all its workers, as a dyno is.
                start_new_session=True,
            )

    def wait_until_ready(self, path: str = "/readyz") -> None:
        """Wait until ``path`` is answered 200, or raise TimeoutError with the end of the log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        said = "nothing"
        while time.monotonic() < deadline and self.is_running:
            with suppress(requests.RequestException):
                answer = requests.get(self.url + path, timeout=10)
                if answer.status_code == 200:
                    return
                said = answer.text
            time.sleep(POLL_S)
        raise TimeoutError(f"not ready; {path} says {said}; the log ends with\n{self._log.read_text()[-2000:]}")

    @property
    def is_running(self) -> bool:
        """True if the server process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server and of its process group."""
        assert self._process is not None, "started before"
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

        assert self._process is not None, "started before"
        return sorted(
            child.pid
            for child in psutil.Process(self._process.pid).children()
            if "resource_tracker" not in " ".join(child.cmdline())
        )

    def kill_worker(self) -> int:
        """Kill one worker process with SIGKILL and return its process id."""
        killed = self.workers[0]
        os.kill(killed, signal.SIGKILL)
        return killed

    def kill(self) -> None:
        """Kill the server and all its workers with SIGKILL."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def wait_until_ended(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Wait until the server process ends by itself."""
        assert self._process is not None, "started before"
        self._process.wait(timeout_s)

    def terminate(self) -> None:
        """Send SIGTERM to the server, without waiting for its end."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Send SIGTERM to the server, and kill the processes that are left after a few seconds."""
        if self._process is None:
            return
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        self.kill()
