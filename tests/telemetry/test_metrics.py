"""Where a server's workers put what they count, and what happens if the disk does not take it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from clerk_sync.telemetry import metrics_folder
from tests.conftest import ROOT
from tests.stage.namespace import NAMESPACE, can_mount

STARTING = 8
FULL = "No space left on device"

needs_mount = pytest.mark.skipif(not can_mount(), reason="this machine allows no mount (unshare --mount)")

COUNT = """
import os, sys
from clerk_sync.telemetry.metrics import exposition, metrics, share_counters

share_counters()

def fill():
    with open(os.environ["TMPDIR"] + "/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1024)):
                pass
        except OSError:
            pass

def count(status, routes=1):
    for number in range(routes):
        metrics().requests.labels("GET", f"/route/{number}", status).observe(0.01)

def counted(status):
    labels = f'method="GET",route="/route/0",status="{status}"'
    found = [line for line in exposition([]).decode().splitlines() if f"count{{{labels}}}" in line]
    return found[0].split()[-1] if found else None
"""


def python(code: str, *, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` behind the functions of COUNT in a process of its own."""
    foreign = {name: value for name, value in os.environ.items() if name != metrics_folder.VARIABLE}
    return subprocess.run(
        [*before, sys.executable, "-c", COUNT + code],
        cwd=ROOT,
        env=foreign | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def on_a_small_disk(code: str, folder: Path, options: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with a temporary folder that is a file system of its own, mounted with ``options``."""
    mount = f'mount -t tmpfs -o {options} none "$TMPDIR" && exec "$@"'
    return python(code, before=[*NAMESPACE, "sh", "-c", mount, "sh"], TMPDIR=str(folder))


def test_folders_of_servers_that_have_ended_are_removed_however_many_processes_start_at_once(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{metrics_folder.PREFIX}{number}").mkdir(mode=0o700)
    together = Barrier(STARTING)

    def clean_up(_: int) -> None:
        together.wait(10)
        metrics_folder.remove_left_overs(tmp_path)

    with ThreadPoolExecutor(STARTING) as processes:
        list(processes.map(clean_up, range(STARTING)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_is_kept_and_one_left_behind_is_not(tmp_path: Path) -> None:
    count = "count('200'); print(os.environ['PROMETHEUS_MULTIPROC_DIR'], flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", COUNT + count]
    foreign = {name: value for name, value in os.environ.items() if name != metrics_folder.VARIABLE}
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env=foreign | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout is not None
        in_use = Path(running.stdout.readline().strip())
        left_over = Path(python(count, TMPDIR=str(tmp_path)).stdout.strip())
        assert {path.name for path in tmp_path.iterdir()} == {in_use.name, left_over.name}
        metrics_folder.remove_left_overs(tmp_path)
        assert list(tmp_path.iterdir()) == [in_use]
        running.communicate("\n")
    assert running.returncode == 0


def test_a_folder_that_is_held_is_there_even_if_another_process_removes_left_overs_at_that_moment(
    tmp_path: Path,
) -> None:
    is_over = Event()

    def clean_up() -> None:
        while not is_over.is_set():
            metrics_folder.remove_left_overs(tmp_path)

    cleaner = Thread(target=clean_up)
    cleaner.start()
    try:
        for _ in range(500):
            descriptor = metrics_folder.hold(tmp_path / f"{metrics_folder.PREFIX}x")
            (tmp_path / f"{metrics_folder.PREFIX}x" / "counter.db").touch()
            os.close(descriptor)
    finally:
        is_over.set()
        cleaner.join()


def test_folders_of_other_users_do_not_prevent_the_start_and_are_not_changed(tmp_path: Path) -> None:
    victim, temporary = tmp_path / "victim", tmp_path / "temporary"
    for folder in (victim, temporary):
        folder.mkdir()
    (victim / "precious").touch()
    (temporary / f"{metrics_folder.PREFIX}link").symlink_to(victim)
    (temporary / f"{metrics_folder.PREFIX}file").touch()
    (temporary / f"{metrics_folder.PREFIX}open").mkdir(mode=0o755)
    if os.geteuid() == 0:
        (temporary / f"{metrics_folder.PREFIX}foreign").mkdir(mode=0o700)
        os.chown(temporary / f"{metrics_folder.PREFIX}foreign", 12345, 12345)
    before = set(temporary.iterdir())
    ran = python("count('200'); print(counted('200'))", TMPDIR=str(temporary))
    assert (ran.stdout, ran.stderr) == ("1.0\n", "")
    assert len(set(temporary.iterdir()) - before) == 1
    assert before < set(temporary.iterdir())
    assert (victim / "precious").exists()


def test_a_folder_has_a_name_that_no_other_start_has_and_is_ours_alone(tmp_path: Path) -> None:
    show = "count('200'); folder = os.environ['PROMETHEUS_MULTIPROC_DIR']; print(oct(os.stat(folder).st_mode), folder)"
    shown = [python(show, TMPDIR=str(tmp_path)).stdout.split() for _ in range(3)]
    assert {mode for mode, _ in shown} == {oct(stat.S_IFDIR | 0o700)}
    names = {Path(folder).name.removeprefix(metrics_folder.PREFIX) for _, folder in shown}
    assert len(names) == 3
    assert all(len(name) == 32 for name in names)


def test_forked_workers_share_the_folder_of_their_server(tmp_path: Path) -> None:
    fork = """
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        count("200")
        os._exit(0)
    os.waitpid(child, 0)
print(counted("200"), len([name for name in os.listdir(os.environ["TMPDIR"])]))
"""
    ran = python(fork, TMPDIR=str(tmp_path))
    assert (ran.stdout, ran.stderr) == ("3.0 1\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_share_the_folder_of_their_server(tmp_path: Path, method: str) -> None:
    # As granian starts its workers. What spawn starts imports this file, so that it needs a guard.
    file = tmp_path / "server.py"
    file.write_text(f"""{COUNT}
import multiprocessing
if __name__ == "__main__":
    for _ in range(3):
        worker = multiprocessing.get_context("{method}").Process(target=count, args=("200",))
        worker.start()
        worker.join()
""")
    temporary = tmp_path / "t"
    temporary.mkdir()
    command = [sys.executable, str(file)]
    environment = {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    foreign = {name: value for name, value in os.environ.items() if name != metrics_folder.VARIABLE}
    subprocess.run(command, env=foreign | environment, check=True, capture_output=True, timeout=60)
    (folder,) = temporary.glob(f"{metrics_folder.PREFIX}*")
    assert len(list(folder.glob("counter_*.db"))) == 3


def test_a_program_that_becomes_another_one_hands_its_folder_on(tmp_path: Path) -> None:
    # As gunicorn does for an upgrade without a pause.
    again = "count('200'); print(counted('200')); metrics_folder.remove_left_overs(Path(os.environ['TMPDIR']))"
    again = f"from pathlib import Path; from clerk_sync.telemetry import metrics_folder; {again}; print(counted('200'))"
    ran = python(
        "count('200'); os.execv(sys.executable, [sys.executable, '-c', os.environ['AGAIN']])",
        TMPDIR=str(tmp_path),
        AGAIN=COUNT + again,
    )
    assert (ran.stdout, ran.stderr) == ("2.0\n2.0\n", "")


@pytest.mark.parametrize("kind", ["symbolic link", "open to others", "file"])
def test_a_folder_that_is_not_private_is_not_used(tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    squat = {
        "symbolic link": f"os.symlink({str(elsewhere)!r}, path)",
        "open to others": "os.mkdir(path); os.chmod(path, 0o777)",
        "file": "open(path, 'w').close()",
    }[kind]
    # As if another user had guessed the name.
    guess = "from clerk_sync.telemetry import logs, metrics_folder as m\n"
    guess += "from clerk_sync.settings.settings import Settings\n"
    guess += "logs.configure(Settings()); import hashlib\n"
    guess += "path = os.environ['TMPDIR'] + '/' + m.PREFIX + hashlib.sha256(m._server_bytes()).hexdigest()[:32]\n"
    ran = python(
        f"{guess}{squat}\ncount('200'); print(counted('200'), os.listdir({str(elsewhere)!r}))", TMPDIR=str(tmp_path)
    )
    assert (ran.returncode, ran.stdout) == (0, "None []\n")
    assert ran.stderr.count("metrics are not counted") == 1


@needs_mount
@pytest.mark.parametrize(
    "options", [f"size={size}k" for size in (4, 16, 64, 100, 132)] + [f"nr_inodes={n}" for n in (1, 2, 3)]
)
def test_a_temporary_folder_without_room_costs_counts_and_nothing_else(tmp_path: Path, options: str) -> None:
    ran = on_a_small_disk("count('200', 500); count('404', 500); print(len(exposition([])) >= 0)", tmp_path, options)
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr


@needs_mount
def test_a_full_disk_keeps_earlier_counts_and_kills_no_process(tmp_path: Path) -> None:
    code = (
        "count('200'); fill(); count('200'); count('404', 500); print(counted('200'), counted('404'), counted('500'))"
    )
    ran = on_a_small_disk(code, tmp_path, "size=1m")
    assert (ran.returncode, ran.stdout) == (0, "2.0 1.0 None\n"), ran.stderr


@needs_mount
def test_a_file_that_does_not_fit_is_removed(tmp_path: Path) -> None:
    code = "count('200', 500); print(sorted(os.path.getsize(f.path) for f in os.scandir(metrics_folder())))"
    code = "from clerk_sync.telemetry.metrics_folder import find_folder as metrics_folder\n" + code
    ran = on_a_small_disk(code, tmp_path, "size=196k")
    assert ran.returncode == 0, ran.stderr
    assert all(size and size % 65536 == 0 for size in json.loads(ran.stdout))


@pytest.mark.parametrize("depth", [1, 3])
def test_a_missing_folder_of_the_operator_is_made(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["deep"] * depth)
    ran = python("count('200'); print(counted('200'))", PROMETHEUS_MULTIPROC_DIR=str(folder))
    assert (ran.stdout, ran.stderr) == ("1.0\n", "")
    assert len(list(folder.glob("*.db"))) == 2


@pytest.mark.parametrize("folder", ["/proc/nothing", "/dev/null", "/dev/null/folder"])
def test_a_folder_of_the_operator_that_cannot_be_used_is_one_sentence(folder: str) -> None:
    code = "from clerk_sync.telemetry import logs; from clerk_sync.settings.settings import Settings\n"
    code += "logs.configure(Settings())\n"
    ran = python(f"{code}count('200', 50); print(counted('200'))", PROMETHEUS_MULTIPROC_DIR=folder)
    assert (ran.returncode, ran.stdout) == (0, "None\n"), ran.stderr
    (line,) = ran.stderr.splitlines()
    assert f"metrics are not counted: {folder}: " in line
