"""Commands that run every few minutes load no modules that they do not use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

Process = Callable[..., "subprocess.Popen[str]"]


@pytest.mark.parametrize(
    "arguments", [["sync"], ["sync", "--dry-run"], ["check"], ["replay"], ["prune", "--older-than", "1d"], ["doctor"]]
)
def test_no_command_of_sync_clerk_loads_sqlalchemy_or_the_web(process: Process, arguments: list[str]) -> None:
    ran = process(*arguments, PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="default")
    _, stderr = ran.communicate(timeout=30)
    loaded = set(re.findall(r"^import time:.*\| +(\S+)$", stderr, re.MULTILINE))
    assert "clerk_sync.db.transaction" in loaded
    assert not loaded & {"sqlalchemy", "flask_sqlalchemy", "clerk_sync.shop.db", "clerk_sync.web"}
