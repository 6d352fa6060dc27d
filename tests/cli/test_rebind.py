"""``flask sync-clerk rebind``: bind the mirror to another Clerk instance, after a confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from clerk_sync.emulator import LocalClerk
from tests.local_clerk import Command, Query


@pytest.fixture
def foreign(make_app: Callable[..., Flask]) -> Any:
    with LocalClerk.start(instance=2) as clerk:
        yield make_app(secret_key=clerk.secret_key, api_url=clerk.url), clerk.instance_id


def test_rebind_asks_first(
    clerk: LocalClerk, command: Command, sync: Command, foreign: tuple[Flask, str], query: Query
) -> None:
    sync()
    for answer in ("n\n", ""):
        assert command("rebind", app=foreign[0], input=answer).exit_code == 3
    assert query("SELECT instance_id FROM mirror_binding") == [(clerk.instance_id,)]
    assert command("rebind", app=foreign[0], input="y\n").exit_code == 0
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(foreign[1], "rebind")]
    assert sync(app=foreign[0]).exit_code == 0
    assert sync().exit_code == 3


def test_rebind_to_the_same_instance_changes_nothing(clerk: LocalClerk, command: Command, sync: Command) -> None:
    sync()
    ran = command("rebind")
    assert ran.exit_code == 0
    assert "already" in ran.stdout


def test_rebind_without_a_key_is_a_configuration_problem(command: Command, app: Flask) -> None:
    ran = command("rebind", "--yes", app=app)
    assert ran.exit_code == 2
    assert "CLERK_SECRET_KEY" in ran.stderr
