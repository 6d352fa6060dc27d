"""A dyno: one line of the Procfile, run by honcho as on Heroku, on a read-only file system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.stage.namespace import NAMESPACE
from tests.stage.servers import wait_for
from tests.stage.service import ROOT, free_port

STOP_TIMEOUT_S = 15

# In a mount namespace everything is read-only except the temporary folder. The script proves that first.
_READ_ONLY = """
mount --bind "$TMPDIR" "$TMPDIR" && mount -o remount,bind,ro / || exit 98
if touch "$PWD/can-be-written" "$HOME/can-be-written" 2>/dev/null; then exit 99; fi
exec "$@"
"""


class Dyno:
    """Runs lines of the Procfile with the environment of a Heroku dyno. Only the folder ``temporary`` is writable."""

    def __init__(self, environment: Mapping[str, str], temporary: Path) -> None:
        temporary.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = temporary.parent / "dyno.log"
        self._environment = {
            **environment,
            "DYNO": "web.1",
            "PORT": str(self.port),
            "TMPDIR": str(temporary),
            "HOME": str(ROOT),
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line and wait until it ends."""
        return subprocess.run(
            self._command(line), env=self._environment, cwd=ROOT, check=False, capture_output=True, text=True
        )

    @contextmanager
    def web(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the line ``web``. End it as Heroku does, with SIGTERM to each of its processes."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(self._command("web"), env=self._environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            wait_for(lambda: self._is_ready() or process.poll() is not None, "a web process that is ready", 30)
            yield process
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)

    @property
    def log(self) -> str:
        """The log of the web processes."""
        return self._log.read_text()

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except requests.ConnectionError:
            return False

    def _command(self, line: str) -> list[str]:
        honcho = [sys.executable, "-m", "honcho", "--env", os.devnull, "start", "--no-colour", "--no-prefix", line]
        return [*NAMESPACE, "sh", "-c", _READ_ONLY, "sh", *honcho]
