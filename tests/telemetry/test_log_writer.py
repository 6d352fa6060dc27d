"""Lines for stderr: written in batches, whole, and never at the cost of the program that writes them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.stage.namespace import NAMESPACE, can_mount

# As long as a line of a request.
PADDING = "x" * 250

SCRIPT = f"""
import os, sys, time
from clerk_sync.telemetry.log_writer import LogWriter
lost = []
writer = LogWriter()
writer.on_lost = lost.append
writer.write_in_batches()

def write(count, name="line"):
    for number in range(count):
        writer.write(f"{{name}} {{number}} {PADDING}\\n".encode())

def wait_for(look):
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


def script(code: str, stderr: int | None = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + code],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=30,
    )


def numbered(count: int, name: str = "line") -> list[str]:
    return [f"{name} {number} {PADDING}" for number in range(count)]


ENDS = {
    "the last line": "write(1000)",
    "sys.exit": "write(1000); sys.exit(0)",
    "an exception": "write(1000); raise KeyboardInterrupt",
    # As in waitress, whose threads are daemons, and in granian, whose threads Python does not know.
    "lines of a daemon thread": """
import threading
thread = threading.Thread(target=write, args=(1000,), daemon=True)
thread.start()
thread.join()
""",
    "SIGTERM with a handler": """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
write(1000)
os.kill(os.getpid(), signal.SIGTERM)
""",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_no_line_is_lost_when_a_process_ends_in_order(code: str) -> None:
    ran = script(code)
    assert [line for line in ran.stderr.splitlines() if line.startswith("line ")] == numbered(1000)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_no_line_is_lost_when_a_worker_of_multiprocessing_ends(method: str) -> None:
    # As granian starts its workers. What spawn starts imports this script, so that it needs a guard and a file.
    code = f"""
import multiprocessing
def work(writer=writer):
    write(1000)
if __name__ == "__main__":
    worker = multiprocessing.get_context("{method}").Process(target=work)
    worker.start()
    worker.join()
"""
    file = ROOT / "instance" / f"log_writer_{method}_{os.getpid()}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(SCRIPT + code)
    try:
        ran = subprocess.run(
            [sys.executable, str(file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
    finally:
        file.unlink()
    assert ran.stderr.splitlines() == numbered(1000)


def test_a_forked_process_writes_its_own_lines_only() -> None:
    ran = script("""
write(100, "parent")
child = os.fork()
if not child:
    write(100, "child")
    sys.exit(0)
os.waitpid(child, 0)
write(100, "later")
""")
    lines = ran.stderr.splitlines()
    assert sorted(lines) == sorted(numbered(100, "parent") + numbered(100, "child") + numbered(100, "later"))


def test_lines_of_processes_that_share_a_pipe_stay_whole() -> None:
    ran = script("""
children = []
for name in "abcd":
    child = os.fork()
    if not child:
        for _ in range(20):
            write(100, name)
            time.sleep(0.001)
        sys.exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
""")
    expected = {line for name in "abcd" for line in numbered(100, name)}
    lines = ran.stderr.splitlines()
    assert (len(lines), set(lines)) == (8000, expected)


def test_a_full_disk_costs_lines_and_they_are_counted() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = script("write(500)\nwait_for(lambda: sum(lost) == 500)\nprint('goes on')", full.fileno())
    assert (ran.returncode, ran.stdout) == (0, "goes on\n")


def test_lines_are_counted_as_lost_after_the_reader_has_ended() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = script("write(500)\nwait_for(lambda: sum(lost) == 500)\nprint('goes on')", writing)
    os.close(writing)
    assert (ran.returncode, ran.stdout) == (0, "goes on\n")


def test_a_stopped_reader_delays_no_request_and_reads_whole_lines_later() -> None:
    reading, writing = os.pipe()
    started_at = time.monotonic()
    ran = script("write(30_000)\nwait_for(lambda: sum(lost) > 19_000)\nprint('goes on')", writing)
    assert (ran.returncode, ran.stdout) == (0, "goes on\n")
    assert time.monotonic() - started_at < 10
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().splitlines()
    assert lines == numbered(len(lines))
    assert len(lines) > 200


def test_a_reader_that_is_slow_gets_every_line() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen([sys.executable, "-c", f"{SCRIPT}write(500)"], cwd=ROOT, stderr=writing):
        os.close(writing)
        with os.fdopen(reading) as pipe:
            lines = [line.rstrip("\n") for line in pipe]
    assert lines == numbered(500)


def test_a_pipe_that_was_made_non_blocking_gets_every_line() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([sys.executable, "-c", f"{SCRIPT}write(2000)"], cwd=ROOT, stderr=writing):
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert pipe.read().splitlines() == numbered(2000)


@pytest.mark.parametrize("mode", ["at once", "in batches"])
def test_a_closed_stderr_gets_no_line_even_if_its_number_is_a_connection_by_now(mode: str) -> None:
    code = f"""
import os, socket, sys
ours, theirs = socket.socketpair()
os.dup2(ours.fileno(), 2)
from clerk_sync.telemetry.log_writer import LogWriter
writer = LogWriter()
if {mode!r} == "in batches":
    writer.write_in_batches()
writer.write(b"a line\\n")
writer._write_queue()
theirs.setblocking(False)
try:
    print(theirs.recv(100))
except BlockingIOError:
    print("nothing")
"""
    command = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "nothing\n")


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mount (unshare --mount)")
def test_after_a_full_disk_has_room_again_lines_begin_on_their_own(tmp_path: Path) -> None:
    code = """
os.dup2(os.open(sys.argv[1] + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
open(sys.argv[1] + "/filler", "wb").write(bytes(40960))
write(500)
wait_for(lambda: sum(lost) > 300)
os.unlink(sys.argv[1] + "/filler")
write(10, "later")
wait_for(lambda: b"later 9 " in open(sys.argv[1] + "/log", "rb").read())
print(open(sys.argv[1] + "/log").read())
"""
    mount = 'mount -t tmpfs -o size=60k none "$0" && exec "$@"'
    command = [*NAMESPACE, "sh", "-c", mount, str(tmp_path), sys.executable, "-c", SCRIPT + code, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.strip("\n").split("\n")
    assert lines[-10:] == numbered(10, "later")
    assert len(set(lines[:-10]) - set(numbered(500))) <= 1, "the line in which the disk was full"
