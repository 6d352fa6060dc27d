"""``--help`` is complete, and works with wrong settings."""

from __future__ import annotations

import os

import pytest
from flask import Flask

from tests.stage.service import run_flask


@pytest.mark.parametrize("group", ["sync-clerk", "shop", "clerk-emulator"])
def test_the_line_of_every_command_is_a_whole_sentence(app: Flask, group: str) -> None:
    said = app.test_cli_runner().invoke(args=[group, "--help"])
    lines = said.stdout.partition("Commands:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(".") or line.endswith("..")] == []


@pytest.mark.parametrize("arguments", [["--help"], ["sync-clerk", "sync", "--help"]])
def test_help_works_with_a_wrong_setting(arguments: list[str]) -> None:
    ran = run_flask(os.environ | {"DATABASE_URL": "foo", "FLASK_SKIP_DOTENV": "1"}, *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Usage: " in ran.stdout
