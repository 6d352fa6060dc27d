"""docs/local-clerk.md shows every command of the local Clerk; that they work is seen where documents are tried out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from clerk_sync.cli.emulator.commands import emulator
from clerk_sync.emulator.instance import Instance, Options
from clerk_sync.emulator.serving.app import create_app
from clerk_sync.emulator.serving.request_log import RequestLog

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "local-clerk.md").read_text()


def test_every_option_of_run_is_on_the_page() -> None:
    options = {name for parameter in emulator.commands["run"].params for name in parameter.opts}
    assert options <= set(re.findall(r"--[a-z-]+", PAGE))


def test_every_command_is_on_the_page() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    shown = [" ".join(shlex.split(line, comments=True)) for block in blocks for line in block.splitlines()]
    fault = emulator.commands["fault"]
    assert isinstance(fault, click.Group)
    for name in [
        *(each for each in emulator.commands if each != "fault"),
        *(f"fault {each}" for each in fault.commands),
    ]:
        assert any(line.startswith(f"flask clerk-emulator {name}") for line in shown), name


def test_every_route_is_on_the_page() -> None:
    """By the last word of its path: the page shortens what stands in front of it."""
    clerk = Instance(Options())
    rules = {rule.rule for rule in create_app(clerk, RequestLog(history=1)).url_map.iter_rules()}
    last_words = {[part for part in rule.split("/") if part and "<" not in part][-1] for rule in rules if rule != "/"}
    assert sorted(word for word in last_words if not re.search(rf"`[^`]*\b{re.escape(word)}\b[^`]*`", PAGE)) == []
