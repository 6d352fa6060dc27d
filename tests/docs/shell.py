"""One shell for all commands: exports and the current directory last, as in a terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 60.0
POLL_S = 0.01


class Ended(NamedTuple):
    """The exit status and output of a command."""

    status: int
    output: str


class Shell:
    """``sh`` in its own directory and environment, without a terminal."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="clerk_sync_shell_"))
        self._number = 0
        self._process = subprocess.Popen(
            ["/bin/sh"],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            # Its own session: all its processes can be killed, and no program can ask at a terminal.
            start_new_session=True,
        )

    def run(self, command: str, *, typed: str = "") -> Ended:
        """Run ``command`` to its end, with ``typed`` on its standard input."""
        output, status = self._file("output"), self._file("status")
        self._file("input").write_text(typed)
        self._tell(f"{{\n{command}\n}} < {self._file('input')} > {output} 2>&1\necho $? > {status}.part")
        self._tell(f"mv {status}.part {status}")
        self._wait_until(status.exists, command, output)
        return Ended(int(status.read_text()), output.read_text(errors="replace"))

    def run_until(self, command: str, sign: str) -> Ended:
        """Start a command that does not end by itself, wait for the output ``sign``, and end it with a signal."""
        output, process_id, status = self._file("output"), self._file("pid"), self._file("status")
        self._tell(f"{command} > {output} 2>&1 &\necho $! > {process_id}.part; mv {process_id}.part {process_id}")
        self._wait_until(lambda: output.exists() and sign in output.read_text(errors="replace"), command, output)
        self._tell(f"kill -TERM $(cat {process_id}); wait $(cat {process_id}); touch {status}")
        self._wait_until(status.exists, command, output)
        return Ended(0, output.read_text(errors="replace"))

    def close(self) -> None:
        """End the shell and its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _file(self, name: str) -> Path:
        if name == "output":
            self._number += 1
        return self._scratch / f"{self._number}.{name}"

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _wait_until(self, is_so: Callable[[], bool], command: str, output: Path) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so():
            said = output.read_text(errors="replace")[-2000:] if output.exists() else "nothing"
            assert self._process.poll() is None, f"{command!r} ended the shell; it said {said}"
            assert time.monotonic() < deadline, f"{command!r} has not come to its end; it said {said}"
            time.sleep(POLL_S)
