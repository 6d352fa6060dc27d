"""clerk_sync.testing: the pytest plugin for applications with the extension."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clerk_sync.emulator import LocalClerk
from tests.examples.conftest import PROJECTS, host_environment, run_host
from tests.stage.service import Environment

ANOTHER_HOST = """
import pytest
from clerk_sync import ClerkSync
from flask import Flask

pytest_plugins = ["clerk_sync.testing"]

@pytest.fixture
def app(clerk_settings):
    app = Flask(__name__)
    {join}
    return app
"""
MODULE_OF_TESTS = """
def test_a_delivery(deliver, clerk_user):
    assert deliver() == ["applied"]

def test_every_test_begins_with_no_users(local_clerk, deliver):
    assert len(local_clerk.users) == 0
    assert deliver() == []

def test_claims_can_be_added(sign_in, clerk_user, app):
    from clerk_sync import claims
    app.add_url_rule("/org", "org", lambda: str(claims().org))
    assert sign_in(clerk_user["id"]).get("/org").text == "None"
    active = {"id": "org_1", "slg": "acme", "rol": "admin"}
    assert "org_1" in sign_in(clerk_user["id"], o=active).get("/org").text

def test_the_settings_are_those_of_the_local_clerk(clerk_settings, local_clerk):
    assert (clerk_settings.api_url, clerk_settings.secret_key) == (local_clerk.url, local_clerk.secret_key)
"""


@pytest.fixture
def environment(new_database: Callable[[], str]) -> Environment:
    """The environment of the example on a migrated database, without any setting of Clerk's."""
    with LocalClerk.start() as clerk:
        environment = host_environment(clerk, new_database())
        for command in (["sync-clerk", "migrate"], ["db", "upgrade"]):
            ran = run_host(environment, *command)
            assert ran.returncode == 0, ran.stderr
    return {name: value for name, value in environment.items() if not name.startswith("CLERK_")}


def run_pytest(environment: Environment, folder: Path) -> subprocess.CompletedProcess[str]:
    # Without the configuration of this project: a team has its own.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rf",
    ]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_the_tests_of_the_example_pass(environment: Environment) -> None:
    ran = run_pytest(environment, PROJECTS)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_every_fixture_works_in_a_plain_application(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ANOTHER_HOST.format(join='ClerkSync().init_app(app, webhook_path="/hook")'))
    (tmp_path / "test_host.py").write_text(MODULE_OF_TESTS)
    ran = run_pytest(environment | {"CLERK_SYNC_SCHEMA": "clerk"}, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout


def test_an_application_without_the_extension_is_told_what_to_call(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ANOTHER_HOST.format(join=""))
    (tmp_path / "test_host.py").write_text(MODULE_OF_TESTS)
    ran = run_pytest(environment, tmp_path)
    assert "The application has no webhook route: call ClerkSync().init_app(app)." in ran.stdout
