"""A fault that could never strike is refused, instead of being promised."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from clerk_sync.cli.emulator.commands import emulator
from clerk_sync.emulator import LocalClerk


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["api", "/v1/users"], 2, "Give a fault"),
        (["api", "v1/users", "--status", "500"], 1, "path"),
        (["api", "/v1/users", "--status", "999"], 1, "status"),
        (["api", "/v1/users", "--status", "500", "--times", "-1"], 1, "times"),
        (["webhook", "delay"], 2, "Give the delay"),
        (["webhook", "drop", "--probability", "3"], 1, "probability"),
        (["webhook", "drop", "--after", "-1"], 1, "after"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused(
    clerk: LocalClerk, arguments: list[str], exit_code: int, said: str
) -> None:
    result = CliRunner().invoke(emulator, ["fault", *arguments, "--emulator", clerk.url])
    assert (result.exit_code, said in result.output) == (exit_code, True), result.output
    assert clerk.faults.all() == []
