"""A database that was never migrated: every command prints the same sentence, and the doctor one finding."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

NOT_MIGRATED = "the database is not migrated for this version: run `flask db upgrade`"
NEEDING_TABLES = ["role guard", "roles", "binding", "last event", "last sync"]

Flasks = Callable[..., Result]


@pytest.fixture
def flask(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> Flasks:
    """Run one command of ``flask`` on an empty database, without a Clerk."""
    app = make_app(database_url=new_database(), api_url="http://127.0.0.1:1", secret_key="sk_test_x")
    return lambda *arguments: app.test_cli_runner().invoke(args=arguments)


def test_the_doctor_has_one_finding_about_it(flask: Flasks) -> None:
    report = json.loads(flask("sync-clerk", "doctor", "--json").stdout)["findings"]
    said = {each["subject"]: each for each in report}
    assert said["migrations"]["verdict"] == "wrong"
    assert (said["migrations"]["found"].partition(",")[0], said["migrations"]["mend"]) == (
        "never run",
        "run `flask db upgrade`",
    )
    assert [said[subject] for subject in NEEDING_TABLES] == [
        {"subject": subject, "verdict": "warning", "found": "not checked: run the migrations first", "mend": None}
        for subject in NEEDING_TABLES
    ]
    assert "PostgreSQL reported" not in str(report)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["shop", "load-products"], 1),
        (["sync-clerk", "replay"], 1),
        (["sync-clerk", "prune", "--older-than", "1d"], 1),
        (["sync-clerk", "check"], 2),
        (["sync-clerk", "sync", "--dry-run"], 2),
    ],
)
def test_every_command_prints_the_same_sentence(flask: Flasks, arguments: list[str], exit_code: int) -> None:
    done = flask(*arguments)
    assert done.exit_code == exit_code
    assert NOT_MIGRATED in done.stderr
