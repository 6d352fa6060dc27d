"""What docs/local-clerk.md shows works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clerk_sync.cli.emulator import emulator
from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.app import create_app
from clerk_sync.emulator.instance import Instance, Options
from clerk_sync.emulator.requestlog import RequestLog
from tests.emulator.conftest import Endpoint

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "local-clerk.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def shell_lines(program: str) -> list[list[str]]:
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    return [line[1:] for line in lines if line[0] == program]


def test_every_command_of_the_page_works(clerk: LocalClerk, endpoint: Endpoint) -> None:
    commands = [line[1:] for line in shell_lines("flask") if line[:2] != ["clerk-emulator", "run"]]
    assert len(commands) > 10
    for command in commands:
        result = CliRunner().invoke(emulator, [*command, "--emulator", clerk.url])
        assert result.exit_code == 0, (command, result.output)


def test_every_option_of_run_is_on_the_page() -> None:
    options = {name for parameter in emulator.commands["run"].params for name in parameter.opts}
    assert options <= set(re.findall(r"--[a-z-]+", PAGE))


def test_every_command_is_on_the_page() -> None:
    fault = emulator.commands["fault"]
    assert isinstance(fault, click.Group)
    shown = [" ".join(line) for line in shell_lines("flask")]
    for name in [
        *(each for each in emulator.commands if each != "fault"),
        *(f"fault {each}" for each in fault.commands),
    ]:
        assert any(line.startswith(f"clerk-emulator {name}") for line in shown), name


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_every_curl_of_the_page_works(clerk: LocalClerk) -> None:
    for arguments in shell_lines("curl"):
        here = [argument.replace("http://127.0.0.1:4010", clerk.url) for argument in arguments]
        subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", *here], check=True, capture_output=True)


def test_the_python_of_the_page_works(endpoint: Endpoint) -> None:
    (program,) = blocks("python")
    exec(program.replace("http://127.0.0.1:5000/api/webhooks/clerk", endpoint.url), {})
    assert len(endpoint.received) == 1


def test_every_route_is_on_the_page() -> None:
    """By the last word of its path: the page shortens what stands in front of it."""
    clerk = Instance(Options())
    rules = {rule.rule for rule in create_app(clerk, RequestLog(history=1)).url_map.iter_rules()}
    last_words = {[part for part in rule.split("/") if part and "<" not in part][-1] for rule in rules if rule != "/"}
    assert sorted(word for word in last_words if not re.search(rf"`[^`]*\b{re.escape(word)}\b[^`]*`", PAGE)) == []
