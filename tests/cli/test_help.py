"""What ``--help`` says, and when."""

from __future__ import annotations

import pytest
from flask import Flask


@pytest.mark.parametrize("group", ["sync-clerk", "shop", "clerk-emulator"])
def test_the_line_of_every_command_is_a_whole_sentence(app: Flask, group: str) -> None:
    said = app.test_cli_runner().invoke(args=[group, "--help"])
    lines = said.stdout.partition("Commands:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(".") or line.endswith("..")] == []
