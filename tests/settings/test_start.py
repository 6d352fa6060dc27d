"""``python -m clerk_sync.start``: the Procfile starts the server with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("module", "arguments"), [("clerk_sync.start", []), ("clerk_sync.demo", ["--twice"])], ids=lambda each: str(each)
)
def test_a_call_without_a_command_ends_with_2_and_the_usage(module: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: python -m {module} ")


@pytest.fixture
def environment() -> dict[str, str]:
    ours = ("CLERK_", "DATABASE_URL", "PORT", "WEB_CONCURRENCY", "LOG_", "METRICS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


SHOW = """
import os, sys
targets = [os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)]
with open(sys.argv[1], "w") as file:
    file.write(" ".join(str(target == os.devnull) for target in targets))
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_the_started_program_has_every_standard_descriptor_open(
    environment: dict[str, str], tmp_path: Path, closed: str
) -> None:
    (tmp_path / "input").touch()
    line = f'exec "$0" -m clerk_sync.start "$0" -c "$1" "$2/shown" <"$2/input" >"$2/output" 2>&1 {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable, SHOW, tmp_path], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0
    are_null = [sign in closed.split() for sign in ("<&-", ">&-", "2>&-")]
    assert (tmp_path / "shown").read_text() == " ".join(map(str, are_null))


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&- >&- <&-"])
def test_a_wrong_setting_ends_it_with_2_even_if_stderr_cannot_be_written(
    environment: dict[str, str], stderr: str
) -> None:
    line = f'exec "$0" -m clerk_sync.start true {stderr}'
    wrong = environment | {"CLERK_SECRET_KEY": "foo"}
    done = subprocess.run(["sh", "-c", line, sys.executable], cwd=ROOT, env=wrong, check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin1", "utf-8", "utf-16"])
def test_a_report_can_be_written_in_every_encoding(environment: dict[str, str], encoding: str) -> None:
    wrong = environment | {"CLERK_SECRET_KEY": "foo", "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "clerk_sync.start", "true"]
    done = subprocess.run(command, cwd=ROOT, env=wrong, check=False, capture_output=True)
    assert done.returncode == 2
    assert "CLERK_SECRET_KEY: found a value" in done.stderr.decode(encoding)
    assert b"Traceback" not in done.stderr
