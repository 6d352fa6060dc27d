"""The environment becomes settings, or one report of all problems."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clerk_sync.settings import settings as config
from clerk_sync.settings.settings import ConfigurationError, Environment, Settings
from tests.conftest import ROOT
from tests.settings.environments import PRODUCTION, problems_of


def test_an_empty_environment_means_development() -> None:
    settings = Settings.from_env({})
    assert settings.environment is Environment.DEVELOPMENT
    assert (settings.database_url, settings.port, settings.schema) == (None, 5000, "public")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_env({"PORT": "", "CLERK_SECRET_KEY": " ", "DATABASE_URL": ""}) == Settings.from_env({})


def test_heroku_means_production_unless_the_environment_is_set() -> None:
    environ = {**PRODUCTION, "DYNO": "web.1"}
    del environ["CLERK_SYNC_ENV"]
    assert Settings.from_env(environ).is_production
    assert not Settings.from_env({"DYNO": "web.1", "CLERK_SYNC_ENV": "development"}).is_production


def test_production_does_not_start_without_database_and_parties() -> None:
    problems = problems_of(CLERK_SYNC_ENV="production")
    assert [problem.partition(":")[0] for problem in problems] == ["DATABASE_URL", "CLERK_AUTHORIZED_PARTIES"]


def test_every_problem_is_in_one_report_with_one_sentence_each() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"PORT": "http", "CLERK_MISSING_AZP": "maybe", "CLERK_API_URL": "api.clerk.com"})
    report = str(caught.value)
    assert "3 settings are wrong or missing" in report
    assert "PORT: found 'http', expected a whole number from 1 to 65535." in report
    assert "CLERK_MISSING_AZP: found 'maybe', expected reject or allow." in report


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://admin:hunter2@host/db"),
        ("CLERK_SECRET_KEY", "hunter2"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_hunter2!"),
        ("CLERK_JWT_KEY", "hunter2"),
        ("CLERK_PUBLISHABLE_KEY", "sk_live_hunter2"),
        ("CLERK_API_URL", "https://user:hunter2@api.example.com"),
        ("CLERK_API_URL", "https://api.example.com?key=hunter2"),
        ("DATABASE_URL", "postgres://u:hunter2@host/db?pgbouncer=true"),
        ("DATABASE_URL", "postgres://u:hunter2%zz@host/db"),
        ("METRICS_TOKEN", "hunter2é"),
        ("CLERK_SECRET_KEY", "sk_test_hunter2…"),
    ],
)
def test_a_wrong_secret_is_reported_without_its_value(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})
    assert problem.startswith(f"{name}: found a value that cannot be used, expected ")
    assert "hunter2" not in problem


def test_the_repr_of_settings_shows_no_secrets() -> None:
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgres://u:hunter2@host/db",
            "CLERK_SECRET_KEY": "sk_test_hunter2",
            "CLERK_WEBHOOK_SIGNING_SECRET": "whsec_aHVudGVyMg==",
            "METRICS_TOKEN": "hunter2",
        }
    )
    assert "hunter2" not in repr(settings)
    assert "aHVudGVyMg" not in repr(settings)


def test_the_example_file_names_exactly_the_variables_that_are_read() -> None:
    source = Path(config.__file__).read_text()
    read = set(re.findall(r'read\(\s*"([A-Z_]+)"', source))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example == read


# The contract is ahead of the code by these variables. A variable that is read leaves this set.
NOT_READ_YET = {"CLERK_ORGANIZATIONS", "CLERK_EXTRA_FIELDS", "CLERK_EXTRA_FIELDS_PUBLIC"}


def test_the_contracts_table_of_variables_is_the_example_file() -> None:
    contract = ROOT.parent / "shared" / "CONTRACT.md"
    if not contract.exists():
        pytest.skip("the contract is not beside this checkout")
    section = contract.read_text().partition("## 2.")[0]
    named = {
        name
        for row in re.findall(r"^\| (`[A-Z_`, ]+) \|", section, re.MULTILINE)
        for name in re.findall(r"[A-Z_]{3,}", row)
    }
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example | NOT_READ_YET == named
    assert not NOT_READ_YET & example
