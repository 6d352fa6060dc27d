"""Run the commands of a document in a copy of the project, with servers at the documented addresses."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

from clerk_sync.cli.emulator.commands import emulator
from clerk_sync.db import connect
from tests.conftest import ROOT
from tests.docs.documents import Command
from tests.docs.exempt import find_ready_text, find_typed
from tests.docs.shell import Ended, Shell
from tests.stage.servers import Servers, start_servers

# Variables that would lead a command out of the copy, or to the developer's settings and data.
_NOT_COPIED = {".env", ".git", ".venv", "instance"}

PEOPLE = {"user_2abc": "ada@example.com", "user_2def": "grace@example.com", "user_2ghi": "you@example.com"}
"""Who the documents speak of: they are there, under these ids and addresses."""


class Runner:
    """A terminal in the copy of the project, with the servers running."""

    def __init__(self, servers: Servers, directory: Path) -> None:
        self.servers = servers
        self.directory = directory
        self._addresses = {
            "http://127.0.0.1:5000": servers.service.url,
            "http://localhost:5000": servers.service.url,
            "http://127.0.0.1:4010": servers.clerk.url,
            "https://shop.example.com": servers.service.url,
        }
        self._shell = Shell(directory, _environment(servers, directory))

    def run(self, command: Command) -> Ended:
        """Run ``command`` as a reader of the document would."""
        text = command.text
        for written, real in self._addresses.items():
            text = text.replace(written, real)
        if command.language == "sql":
            return self._shell.run(f'psql --quiet --set ON_ERROR_STOP=1 --command {shlex.quote(text)} "$OWNER_URL"')
        if command.language == "python":
            return self._shell.run(f"python -W error -c {shlex.quote(text)}")
        sign = find_ready_text(command)
        if sign is not None:
            return self._shell.run_until(command.bare, sign)
        if command.bare.startswith("flask clerk-emulator "):
            return self._control_clerk(shlex.split(text, comments=True)[2:])
        return self._shell.run(text, typed=find_typed(command))

    def _control_clerk(self, arguments: list[str]) -> Ended:
        # In this process: these commands only use HTTP, and a new interpreter for each would take too long.
        result = CliRunner().invoke(emulator, [*arguments, "--emulator", self.servers.clerk.url])
        return Ended(result.exit_code, result.output)

    def close(self) -> None:
        """End the processes that are still running."""
        self._shell.close()


@contextmanager
def start_runner(database_url: str, directory: Path) -> Iterator[Runner]:
    """Set up a runner on a migrated database, with PEOPLE at Clerk and in the mirror, and a catalogue."""
    project = _copy_project(directory / "project")
    # A refused request is a failure, but without --fail curl exits with 0.
    (directory / ".curlrc").write_text("fail\n")
    with start_servers(database_url, directory, workers=1) as servers:
        for user_id, email in PEOPLE.items():
            servers.clerk.users.create(id=user_id, email=email)
        servers.clerk.webhook_sender.wait_idle()
        runner = Runner(servers, project)
        try:
            yield runner
        finally:
            runner.close()


def _copy_project(directory: Path) -> Path:
    """Return a copy of the project that commands may write to."""
    directory.mkdir()
    for path in ROOT.iterdir():
        if path.name not in _NOT_COPIED:
            (directory / path.name).symlink_to(path)
    programs = directory / ".venv" / "bin"
    programs.parent.mkdir()
    programs.symlink_to(Path(sys.executable).parent)
    return directory


def _environment(servers: Servers, directory: Path) -> dict[str, str]:
    # All else is as on a developer's machine. DATABASE_URL and Clerk's variables are those of the servers.
    own = {
        "OWNER_URL": servers.database_url,
        "FLASK_RUN_PORT": "0",
        "FLASK_CLERK_EMULATOR_RUN_PORT": "0",
        "PGAPPNAME": "psql",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PATH": f"{servers.environment['PATH']}:/usr/sbin:{Path(connect.embedded_psql()).parent}",
        "HOME": str(directory),
    }
    return servers.environment | own
