"""Every command of a document works as written, in the order of the document."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask.cli import FlaskGroup

from clerk_sync.app import create_app
from clerk_sync.settings.settings import Settings
from tests.conftest import ROOT
from tests.docs.documents import DATA, PROGRAMS, SCRIPTS, Command, blocks_of, commands_of, mentions_of, name_of, paths
from tests.docs.exempt import EXEMPT, FROM_DEBIAN, find_exemption, replaced
from tests.docs.runner import Runner, start_runner
from tests.stage.postgres import PostgresServer, run_statement

WITH_COMMANDS = [path for path in paths() if any(block.language in SCRIPTS for block in blocks_of(path))]


@pytest.fixture
def runner(postgres: PostgresServer, tmp_path: Path) -> Iterator[Runner]:
    # Not on the shared server: the documents change roles, which belong to the whole server.
    name = f"document_{abs(hash(tmp_path))}"
    with start_runner(postgres.create_database(name, template="migrated"), tmp_path) as opened:
        yield opened
    # Else tests that kill the server would wait at each start until it has read this database, too.
    run_statement(postgres.url(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=name_of)
def test_every_command_of_a_document_works(path: Path, runner: Runner) -> None:
    missing = [program for command in commands_of(path) if (program := try_out(replaced(command), runner))]
    if missing:
        pytest.skip(f"everything else works, but not installed here: {', '.join(missing)}")


def try_out(command: Command, runner: Runner) -> str | None:
    """Run ``command`` or the check that replaces it. If its program is not installed, return the program's name."""
    row = find_exemption(command)
    if row is None:
        ended = runner.run(command)
        if command.program in FROM_DEBIAN and ended.status == 127:
            return command.program
        assert ended.status == 0, f"line {command.line}: {command.text}\nends with {ended.status}:\n{ended.output}"
    elif callable(row.checked_by):
        row.checked_by(command, runner.directory)
    return None


def test_every_block_has_a_language() -> None:
    for path in paths():
        for block in blocks_of(path):
            place = f"{name_of(path)}, line {block.line}"
            assert block.language in {*SCRIPTS, *DATA}, f"{place}: {block.language}"
            if block.language not in SCRIPTS:
                looks = [line for line in block.body.splitlines() if re.match(rf"({'|'.join(PROGRAMS)}) ", line)]
                assert not looks, f"{place} holds commands: call the block sh"


@pytest.mark.parametrize("path", [path for path in paths() if mentions_of(path)], ids=name_of)
def test_every_mentioned_command_exists(path: Path) -> None:
    for mention in mentions_of(path):
        program, *words = shlex.split(mention)
        assert (knows_flask if program == "flask" else knows_make)(words), mention


def knows_make(words: list[str]) -> bool:
    """Return True if the Makefile has every target in ``words``."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {word for word in words if "=" not in word} <= set(targets)


def knows_flask(words: list[str]) -> bool:
    """Return True if ``words`` name a command that has all options in ``words``."""
    command: click.Command = FlaskGroup(create_app=lambda: create_app(Settings(env="test")))
    while isinstance(command, click.Group) and words:
        name, *words = words
        with click.Context(command) as context:  # closed, because Flask leaves an application context in it
            found = command.get_command(context, name)
        if found is None:
            return False
        command = found
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    named = {re.split("[= ]", word)[0].strip("[]") for word in words if word.lstrip("[").startswith("--")}
    return named <= options


def test_exempt_commands_are_checked_by_existing_tests() -> None:
    for row in EXEMPT:
        if not callable(row.checked_by):
            assert row.checked_by
            for test in row.checked_by:
                path, _, name = test.partition("::")
                assert f"def {name}(" in (ROOT / path).read_text(), test


def test_every_exemption_is_used() -> None:
    commands = [command for path in paths() for command in commands_of(path)]
    idle = [row.pattern for row in EXEMPT if not any(row.takes(command) for command in commands)]
    assert not idle
