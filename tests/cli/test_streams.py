"""Commands whose standard streams are closed, full, broken or of a poor encoding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest

from clerk_sync.telemetry.stdio import READER_GONE, RESULTS_LOST
from tests.stage.migrations import migrate
from tests.stage.servers import Servers, start_servers, wait_for
from tests.stage.service import ROOT

SYNC = ("sync-clerk", "sync")
COMMANDS = [
    ("--help",),
    ("sync-clerk", "sync", "--help"),
    ("db", "--help"),
    SYNC,
    ("sync-clerk", "sync", "--dry-run", "--verbose"),
    ("sync-clerk", "check"),
    ("sync-clerk", "doctor"),
    ("sync-clerk", "rebind", "--yes"),
    ("sync-clerk", "prune", "--older-than", "1d"),
    ("shop", "load-products"),
    ("db", "history"),
    ("clerk-emulator", "trigger", "session.created"),
]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
OddStream = Callable[[], AbstractContextManager[int]]

every_command = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)

# Not in a shell, whose background jobs would ignore Ctrl-C.
FLASK = "import signal, flask.cli; signal.signal(signal.SIGINT, signal.default_int_handler); flask.cli.main()"


@pytest.fixture(scope="module")
def servers(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with start_servers(migrate(new_database()), tmp_path_factory.mktemp("logs"), workers=1) as opened:
        opened.clerk.users.seed(3)
        opened.flask(*SYNC)
        yield opened


@pytest.fixture
def run(servers: Servers) -> Run:
    """Run ``flask``. ``closed`` holds redirections of a shell, for example ``2>&-``."""

    def run(
        command: tuple[str, ...],
        *,
        closed: str = "",
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        **environment: str,
    ) -> subprocess.CompletedProcess[bytes]:
        address = ("--url", servers.service.webhook_url, "--secret", servers.clerk.webhook_secret)
        arguments = (*command, *address) if "trigger" in command else command
        return subprocess.run(
            ["bash", "-c", f'exec "$@" {closed}', "bash", sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env={**servers.environment, "CLERK_SYNC_ENV": "test", **environment},
            stdout=stdout,
            stderr=stderr,
            check=False,
            timeout=60,
        )

    return run


@contextmanager
def full_device() -> Iterator[int]:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@contextmanager
def broken_pipe() -> Iterator[int]:
    """A pipe whose reader has closed it."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def stalled_pipe() -> Iterator[int]:
    """A full pipe whose reader has stopped."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_characters_that_the_encoding_lacks_are_replaced_by_similar_ones(run: Run, encoding: str) -> None:
    ran = run(("sync-clerk", "doctor"), PYTHONIOENCODING=encoding)
    lines = ran.stdout.decode(encoding).splitlines()
    assert ran.returncode == 0
    assert lines[0].startswith("+ ok      CLERK_SYNC_ENV ")
    assert lines[2].endswith("sk_test_…" if encoding == "cp1252" else "sk_test_...")


def test_commands_work_in_the_c_locale(run: Run) -> None:
    ran = run(("sync-clerk", "doctor"), LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False)
    assert ran.stdout.isascii()


ALL_HELP_PAGES = """
import click
from flask.cli import cli

OURS = ("sync-clerk", "shop", "clerk-emulator")
found = [["--help"], ["db", "--help"], ["db", "upgrade", "--help"]]

def find(group, context, names):
    for name in group.list_commands(context):
        found.append([*names, name, "--help"])
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            find(command, context, [*names, name])

with cli.make_context("flask", ["routes"]) as context:
    for name in OURS:
        found.append([name, "--help"])
        find(cli.get_command(context, name), context, [name])
for arguments in found:
    cli.main(arguments, "flask", standalone_mode=False)
print(len(found))
"""


def test_every_help_page_is_readable_on_an_ascii_terminal(servers: Servers) -> None:
    command = [sys.executable, "-c", ALL_HELP_PAGES]
    environment = {**servers.environment, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    pages = ran.stdout.decode("ascii")
    assert "?" not in pages
    assert int(pages.split()[-1]) >= 20


@every_command
def test_a_command_without_any_stream_works(run: Run, command: tuple[str, ...]) -> None:
    assert run(command, closed="<&- >&- 2>&-").returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_sync_without_a_stream_stores_its_report(run: Run, servers: Servers, closed: str) -> None:
    before = runs_done(servers)
    assert run(SYNC, closed=closed).returncode == 0
    assert runs_done(servers) == before + 1


def test_a_question_without_a_terminal_is_answered_no(run: Run, servers: Servers) -> None:
    servers.query("UPDATE mirror_binding SET instance_id = 'ins_another'")
    ran = run(("sync-clerk", "rebind"), closed="<&-")
    servers.query("UPDATE mirror_binding SET instance_id = %s", servers.clerk.instance_id)
    assert ran.returncode == 3
    assert b"Nothing was changed." in ran.stderr


@every_command
def test_results_that_cannot_be_written_are_one_error_sentence(run: Run, command: tuple[str, ...]) -> None:
    with full_device() as stdout:
        ran = run(command, stdout=stdout)
    told = ran.stderr.decode()
    assert ran.returncode == RESULTS_LOST
    assert told.count("The results cannot be written to standard output: No space left on device.\n") == 1
    assert not any(word in told for word in ("Traceback", "Exception", "OSError"))


def test_a_run_whose_report_cannot_be_written_is_still_done(run: Run, servers: Servers) -> None:
    before = runs_done(servers)
    with full_device() as stdout:
        assert run(("sync-clerk", "sync", "--json"), stdout=stdout).returncode == RESULTS_LOST
    assert runs_done(servers) == before + 1


@every_command
def test_a_closed_reader_of_results_ends_a_command_silently(run: Run, command: tuple[str, ...]) -> None:
    with broken_pipe() as stdout:
        ran = run(command, stdout=stdout)
    assert ran.returncode == READER_GONE
    assert not any(word in ran.stderr for word in (b"Traceback", b"Exception", b"Broken"))


@every_command
def test_messages_that_cannot_be_written_stop_no_work(run: Run, command: tuple[str, ...]) -> None:
    with full_device() as stderr:
        ran = run(command, stderr=stderr)
    assert ran.returncode == 0
    assert ran.stdout


@pytest.mark.parametrize("odd", [broken_pipe, stalled_pipe], ids=["gone", "stopped"])
def test_a_stalled_reader_of_messages_stops_no_work(run: Run, servers: Servers, odd: OddStream) -> None:
    servers.clerk.faults.add("/v1/users/count", status=500, times=2)  # two warnings
    with odd() as stderr:
        ran = run((*SYNC, "--resume"), stderr=stderr)
    assert ran.returncode == 0
    assert ran.stdout


@pytest.mark.parametrize(("how", "odd"), [(signal.SIGINT, full_device), (signal.SIGTERM, None)], ids=["INT", "TERM"])
@pytest.mark.parametrize(
    "command", [SYNC, ("sync-clerk", "check"), ("sync-clerk", "doctor"), ("sync-clerk", "rebind")], ids=" ".join
)
def test_an_interrupted_command_ends_with_130(
    servers: Servers, command: tuple[str, ...], odd: OddStream | None, how: signal.Signals
) -> None:
    held = servers.clerk.faults.add("/v1/instance", delay_s=60, times=None)
    with odd() if odd else nullcontext(subprocess.PIPE) as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", FLASK, *command],
            cwd=ROOT,
            env={**servers.environment, "CLERK_SYNC_ENV": "test"},
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    wait_for(lambda: held.struck, "the command asks Clerk")
    process.send_signal(how)
    _, told = process.communicate(timeout=10)
    servers.clerk.faults.remove(held)
    assert process.returncode == 130
    assert odd or (b"nterrupted" in told and b"Traceback" not in told)


def test_a_catalogue_whose_load_is_interrupted_is_not_loaded(servers: Servers) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FLASK, "shop", "load-products", "-"],
        cwd=ROOT,
        env=servers.environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(
        b"sku,name,price_minor,currency\n" + b"".join(b"SKU-%d,Tea,1,EUR\n" % number for number in range(10_000))
    )
    process.stdin.flush()  # more than a pipe holds, so the command is reading
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert told == b"Interrupted.\nNothing was loaded.\n"
    assert servers.query("SELECT count(*) FROM products WHERE sku = 'SKU-1'") == [(0,)]


def runs_done(servers: Servers) -> int:
    ((number,),) = servers.query("SELECT count(*) FROM sync_runs WHERE status = 'done'")
    return int(number)
