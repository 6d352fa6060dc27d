"""``Settings(…)`` takes what a program gives it, and the rest from the environment."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from clerk_sync.settings.settings import ConfigurationError, Environment, LogFormat, MissingAzp, Settings
from tests.conftest import PUBLISHABLE_KEY, ROOT, WEBHOOK_SECRET

EVERYTHING: Mapping[str, Any] = {
    "database_url": "postgres://u:p@db.example.com/app",
    "secret_key": "sk_test_x",
    "publishable_key": PUBLISHABLE_KEY.value,
    "webhook_signing_secret": [WEBHOOK_SECRET, "whsec_aHVudGVyMg=="],
    "authorized_parties": ["https://app.example.com", "https://www.example.com"],
    "missing_azp": "allow",
    "issuer": "https://app.example.com/__clerk",
    "api_url": "https://api.example.com/",
    "schema": "clerk",
    "env": "production",
    "port": 8080,
    "web_concurrency": 3,
    "metrics_token": "a-token",
    "log_level": "debug",
    "log_format": "console",
}


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ["DYNO", *variables()]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def variables() -> list[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


def problems_of(**given: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**given)
    return caught.value.problems


def test_every_variable_has_an_argument_with_its_name_in_lower_case_without_prefix() -> None:
    names = {name.removeprefix("CLERK_").removeprefix("SYNC_").lower() for name in variables()}
    assert set(inspect.signature(Settings).parameters) == names


def test_everything_can_be_given() -> None:
    settings = Settings(**EVERYTHING)
    assert settings.database_url == "postgresql://u:p@db.example.com/app"
    assert (settings.secret_key, settings.publishable_key) == ("sk_test_x", PUBLISHABLE_KEY)
    assert settings.webhook_signing_secrets == (WEBHOOK_SECRET, "whsec_aHVudGVyMg==")
    assert settings.authorized_parties == ("https://app.example.com", "https://www.example.com")
    assert settings.missing_azp is MissingAzp.ALLOW
    assert (settings.issuer, settings.api_url) == ("https://app.example.com/__clerk", "https://api.example.com")
    assert (settings.schema, settings.environment) == ("clerk", Environment.PRODUCTION)
    assert (settings.port, settings.web_concurrency, settings.metrics_token) == (8080, 3, "a-token")
    assert (settings.log_level, settings.log_format) == ("DEBUG", LogFormat.CONSOLE)


def test_code_and_environment_mean_the_same(environ: pytest.MonkeyPatch) -> None:
    in_code = Settings(**EVERYTHING)
    for name in variables():
        value = EVERYTHING.get(name.removeprefix("CLERK_").removeprefix("SYNC_").lower(), "")
        environ.setenv(name, ",".join(value) if isinstance(value, list) else str(value))
    assert Settings() == in_code


def test_what_is_not_given_comes_from_the_environment(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("CLERK_SECRET_KEY", "sk_test_of_the_environment")
    environ.setenv("CLERK_SYNC_SCHEMA", "of_the_environment")
    settings = Settings(secret_key="sk_test_of_the_code", schema=None)
    assert (settings.secret_key, settings.schema) == ("sk_test_of_the_code", "of_the_environment")


def test_what_is_given_wins_even_if_the_environment_is_wrong(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("LOG_LEVEL", "verbose")
    assert Settings(log_level="INFO").log_level == "INFO"


@pytest.mark.parametrize("nothing", ["", " ", [], ()], ids=repr)
def test_an_empty_value_stands_for_the_default(environ: pytest.MonkeyPatch, nothing: Any) -> None:
    environ.setenv("CLERK_AUTHORIZED_PARTIES", "https://app.example.com")
    assert Settings(authorized_parties=nothing).authorized_parties == ()


def test_a_list_may_be_text_with_commas() -> None:
    assert Settings(authorized_parties="https://a.example.com, http://b.test").authorized_parties == (
        "https://a.example.com",
        "http://b.test",
    )
    assert Settings(webhook_signing_secret=WEBHOOK_SECRET).webhook_signing_secrets == (WEBHOOK_SECRET,)


def test_a_problem_names_what_was_given(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("CLERK_SYNC_SCHEMA", "pg_clerk")
    (in_environment,) = problems_of()
    (in_code,) = problems_of(schema="pg_clerk")
    assert in_environment.startswith("CLERK_SYNC_SCHEMA: found 'pg_clerk', expected a schema of your own")
    assert in_code == in_environment.replace("CLERK_SYNC_SCHEMA", "schema")


def test_every_problem_is_in_one_report() -> None:
    problems = problems_of(port="http", missing_azp="maybe", env="production")
    assert [problem.partition(":")[0] for problem in problems] == [
        "missing_azp",
        "port",
        "DATABASE_URL",
        "CLERK_AUTHORIZED_PARTIES",
    ]


def test_a_required_setting_that_is_given_empty_is_named_as_given() -> None:
    (problem,) = problems_of(env="production", database_url="postgres://h/d", authorized_parties=[])
    assert problem.startswith("authorized_parties: found nothing, expected the origins of your front ends")


@pytest.mark.parametrize(
    "given",
    [
        {"secret_key": "hunter2"},
        {"secret_key": ["sk_test_hunter2"]},
        {"database_url": b"postgres://u:hunter2@host/db"},
        {"webhook_signing_secret": ["hunter2"]},
        {"webhook_signing_secret": [b"hunter2"]},
        {"publishable_key": "hunter2"},
        {"jwt_key": 2.5},
        {"issuer": "hunter2"},
    ],
    ids=repr,
)
def test_a_problem_never_quotes_a_secret(given: dict[str, Any]) -> None:
    (problem,) = problems_of(**given)
    assert problem.startswith(f"{next(iter(given))}: found a value ")
    assert "hunter2" not in problem


def test_an_unknown_name_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="secretkey"):
        Settings(secretkey="sk_test_x")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().schema = "clerk"


@pytest.mark.parametrize(
    "name", ["clerk", "Clerk", 'Team "A" müller', "a" * 63, "a.b", "100%", "select", "PG_x", "x'y\\"]
)
def test_any_name_that_postgresql_can_store_may_be_a_schema(name: str) -> None:
    assert Settings(schema=name).schema == name
    assert Settings.from_env({"CLERK_SYNC_SCHEMA": name}).schema == name


@pytest.mark.parametrize(
    "name", ["a" * 64, "ü" * 32, "a\0b", "\udce4", "pg_catalog", "pg_clerk", "information_schema", "$user"], ids=ascii
)
def test_a_name_that_cannot_be_a_schema_of_ours_is_refused(name: str) -> None:
    (problem,) = problems_of(schema=name)
    assert problem.startswith("schema: found ")
    problem.encode()
