"""``python -m clerk_sync.start``: what stands in front of the server in the Procfile."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("module", "arguments"), [("clerk_sync.start", []), ("clerk_sync.demo", ["--twice"])], ids=lambda each: str(each)
)
def test_a_call_that_cannot_be_meant_ends_with_2_and_the_usage(module: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: python -m {module} ")
