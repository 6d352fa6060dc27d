"""Variables that are missing, misspelt, cut off, or contradict each other."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask

from clerk_sync.cli.doctor.settings import VARIABLES
from clerk_sync.emulator import LocalClerk
from tests.cli.doctor.conftest import Doctor
from tests.conftest import ROOT


def test_it_has_a_line_for_each_variable_that_we_read() -> None:
    described = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    assert described == set(VARIABLES)


def test_an_unknown_variable_is_named_with_the_most_similar_known_one(doctor: Doctor) -> None:
    report = doctor(CLERK_WEBHOOK_SECRET="whsec_x", METRIC_TOKEN="x", CLERK_SIGN_IN_URL="/sign-in")
    assert "is CLERK_WEBHOOK_SIGNING_SECRET meant?" in report.of("CLERK_WEBHOOK_SECRET", "warning")
    assert "is METRICS_TOKEN meant?" in report.of("METRIC_TOKEN", "warning")
    assert "CLERK_SIGN_IN_URL" not in report.text


def test_a_missing_signing_secret(doctor: Doctor) -> None:
    report = doctor(CLERK_WEBHOOK_SIGNING_SECRET=None)
    assert report.exit_code == 1
    assert "every webhook is answered 503" in report.of("CLERK_WEBHOOK_SIGNING_SECRET", "wrong")


def test_a_signing_secret_that_was_cut_off(doctor: Doctor) -> None:
    assert "a key of 6 bytes" in doctor(CLERK_WEBHOOK_SIGNING_SECRET="whsec_MfKQ9r8G").of("signing secret", "warning")


def test_two_signing_secrets_are_a_rotation(doctor: Doctor, clerk: LocalClerk) -> None:
    both = f"{clerk.webhook_secret},whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert "a rotation is under way" in doctor(CLERK_WEBHOOK_SIGNING_SECRET=both).of("signing secret", "warning")


def test_no_source_of_keys_for_sessions(doctor: Doctor) -> None:
    report = doctor(CLERK_SECRET_KEY=None, CLERK_PUBLISHABLE_KEY=None)
    assert "every session is answered 503" in report.of("CLERK_JWT_KEY", "wrong")
    assert "sync and check cannot read from Clerk" in report.of("CLERK_SECRET_KEY", "warning")


def test_keys_of_two_kinds(doctor: Doctor) -> None:
    report = doctor(CLERK_PUBLISHABLE_KEY="pk_live_Y2xlcmsuZXhhbXBsZS5jb20k")
    assert "two instances of Clerk" in report.of("kind of keys", "wrong")


def test_test_keys_in_production(doctor: Doctor) -> None:
    report = doctor(CLERK_SYNC_ENV="production")
    assert "test keys in production" in report.of("kind of keys", "warning")
    assert "/metrics answers 404" in report.of("METRICS_TOKEN", "warning")


def test_live_keys_on_a_developers_machine(doctor: Doctor) -> None:
    live = {"CLERK_SECRET_KEY": "sk_live_x", "CLERK_PUBLISHABLE_KEY": "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"}
    report = doctor(**live, CLERK_SYNC_ENV="development")
    assert "live keys in development" in report.of("kind of keys", "wrong")


@pytest.mark.parametrize(
    ("parties", "said"),
    [
        ("https://local-clerk-1.clerk.accounts.dev", "is Clerk's own address"),
        ("http://127.0.0.1:3000", "is a developer's machine"),
        ("http://shop.example.com", "is not https"),
        ("https://shop.example.com,https://shop.example.com", "is listed twice"),
    ],
)
def test_origins_that_are_typical_mistakes(doctor: Doctor, parties: str, said: str) -> None:
    report = doctor(CLERK_AUTHORIZED_PARTIES=parties, CLERK_SYNC_ENV="production")
    assert said in report.of("authorized parties", "warning")


def test_an_origin_with_a_path(doctor: Doctor) -> None:
    report = doctor(CLERK_AUTHORIZED_PARTIES="https://shop.example.com/")
    assert "no trailing slash" in report.of("CLERK_AUTHORIZED_PARTIES", "wrong")


def test_a_host_that_gives_its_settings_in_code_is_judged_by_them(make_app: Callable[..., Flask]) -> None:
    """Its environment may be wrong: nothing of it was read."""
    app = make_app(log_level="INFO", schema="public")
    environment = {"LOG_LEVEL": "verbose", "CLERK_SYNC_SCHEMA": "pg_x", "DATABASE_URL": "mysql://h/d"}
    done = app.test_cli_runner(env=environment).invoke(args=["sync-clerk", "doctor", "--json"])
    verdicts = {each["subject"]: each["verdict"] for each in json.loads(done.stdout)["findings"]}
    assert {verdicts[name] for name in (*environment, "database")} == {"ok"}
