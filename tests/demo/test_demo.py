"""Edge cases of the demo; its steps run in ``make demo ARGS=--once``."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

from clerk_sync.demo.stage import reserve_port
from tests.conftest import PACKAGE, ROOT
from tests.stage.postgres import run_statement


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clerk_sync.demo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_second_demo_does_not_touch_the_database_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    with (tmp_path / "instance" / "demo.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        done = demo(tmp_path, "--once")
    assert done.returncode == 1
    assert "another demo runs in this folder; stop it first" in done.stderr
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["demo.lock"]


def test_two_demos_that_start_together_never_share_a_port() -> None:
    with reserve_port(0) as first, reserve_port(first) as second:
        assert first != second
    with reserve_port(first) as again:
        assert again == first


def test_help_prints_the_usage(tmp_path: Path) -> None:
    done = demo(tmp_path, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (0, "usage: python -m clerk_sync.demo [--once]\n", "")


def test_nothing_of_the_demo_can_be_reached_from_another_machine(tmp_path: Path) -> None:
    for name in ("Procfile", "wsgi.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    with subprocess.Popen(
        [sys.executable, "-m", "clerk_sync.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            said = []
            while not said or ("Ctrl-C to stop it." not in said[-1] and said[-1]):
                said.append(running.stdout.readline())
            url = re.search("DATABASE_URL='([^']+)'", "".join(said))
            assert url, "".join(said)
            ((addresses,),) = run_statement(url[1], "SHOW listen_addresses")
            demo_process = psutil.Process(running.pid)
            processes = [demo_process, *demo_process.children(recursive=True)]
            listening = {
                (each.laddr.ip, process.name())
                for process in processes
                for each in process.net_connections("inet")
                if each.status == psutil.CONN_LISTEN
            }
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(30)
    assert len(listening) >= 2, said
    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert addresses in ("", "127.0.0.1"), "PostgreSQL listens on a socket file, or where its path is too long on this"
    assert "Everything listens on 127.0.0.1" in said[-1]
