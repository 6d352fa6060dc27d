"""The demonstration at its edges; its story is played by ``make demo ARGS=--once``."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PACKAGE


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clerk_sync.demo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_second_demonstration_leaves_the_first_one_its_database(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    with (tmp_path / "instance" / "demo.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        done = demo(tmp_path, "--once")
    assert done.returncode == 1
    assert "another demonstration runs in this folder; end that one first" in done.stderr
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["demo.lock"]


def test_whoever_asks_for_help_gets_it(tmp_path: Path) -> None:
    done = demo(tmp_path, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (0, "usage: python -m clerk_sync.demo [--once]\n", "")
