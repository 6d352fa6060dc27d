"""A healthy deployment, and a fixture that runs the doctor with changed variables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from clerk_sync.app import create_app
from clerk_sync.cli.doctor.settings import VARIABLES
from clerk_sync.emulator import LocalClerk
from clerk_sync.settings.settings import ConfigurationError, Settings
from clerk_sync.shop.db import db
from tests.local_clerk import Query

Environment = dict[str, str]


class Report:
    """The findings of one run, by subject."""

    def __init__(self, exit_code: int, stdout: str) -> None:
        self.exit_code = exit_code
        self.text = stdout
        self.findings: list[dict[str, Any]] = json.loads(stdout)["findings"]

    def of(self, subject: str, verdict: str | None = None) -> str:
        """Return the finding and fix about ``subject``; fail unless one has ``verdict``."""
        found = [each for each in self.findings if each["subject"] == subject]
        assert found, f"nothing about {subject}: {[each['subject'] for each in self.findings]}"
        worst = next((each for each in found if each["verdict"] == verdict), found[0])
        assert verdict is None or worst["verdict"] == verdict, found
        return f"{worst['found']} -> {worst['mend']}"

    def subjects(self, verdict: str) -> list[str]:
        return [each["subject"] for each in self.findings if each["verdict"] == verdict]


Doctor = Callable[..., Report]


@pytest.fixture
def environment(clerk: LocalClerk, app: Flask, database_url: str, query: Query) -> Environment:
    """A healthy deployment: keys of the local Clerk, a bound mirror, a recent event and a finished run."""
    query("INSERT INTO mirror_binding (instance_id, bound_by) VALUES (%s, 'webhook')", clerk.instance_id)
    query("INSERT INTO webhook_events (svix_id, type, outcome) VALUES ('msg_1', 'user.created', 'applied')")
    query("INSERT INTO sync_runs (kind, status, ended_at) VALUES ('all', 'done', now())")
    return {**clerk.environment, "DATABASE_URL": database_url, "CLERK_SYNC_ENV": "test"}


@pytest.fixture
def doctor(environment: Environment) -> Doctor:
    """Run ``flask sync-clerk doctor --json`` with some variables changed; None unsets one."""

    def run(*arguments: str, **changes: str | None) -> Report:
        changed = {name: value for name, value in {**environment, **changes}.items() if value is not None}
        with application(changed) as app:
            runner = app.test_cli_runner(env={name: changed.get(name) for name in (*VARIABLES, *changed)})
            result = runner.invoke(args=["sync-clerk", "doctor", "--json", *arguments])
        assert isinstance(result.exception, SystemExit | None), result.exception
        return Report(result.exit_code, result.stdout)

    return run


@contextmanager
def application(environment: Environment) -> Iterator[Flask]:
    """The application as wsgi.py makes it for the doctor."""
    try:
        settings = Settings.from_env(environment)
    except ConfigurationError as error:
        settings = error.settings
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()
