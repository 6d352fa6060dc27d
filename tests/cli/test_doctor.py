"""The doctor names each fault, and the mend; the first never hides the second. Real sockets, a real database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

import pytest
from flask import Flask
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.app import create_app
from clerk_sync.cli.doctor.settings import VARIABLES
from clerk_sync.config import ConfigurationError, Settings
from clerk_sync.emulator import LocalClerk
from clerk_sync.extensions import db
from tests.cli.stranger import stranger
from tests.conftest import ROOT
from tests.local_clerk import Query
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement
from tests.stage.service import environment_for, run_flask

Environment = dict[str, str]


class Report:
    """What the doctor has said, by subject."""

    def __init__(self, exit_code: int, stdout: str) -> None:
        self.exit_code = exit_code
        self.text = stdout
        self.findings: list[dict[str, Any]] = json.loads(stdout)["findings"]

    def of(self, subject: str, verdict: str | None = None) -> str:
        """Return what is said about ``subject``, and fail unless its verdict is ``verdict``."""
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
    """A set-up with nothing wrong: keys of the local Clerk, a bound mirror, a fresh event and a finished run."""
    query("INSERT INTO mirror_binding (instance_id, bound_by) VALUES (%s, 'webhook')", clerk.instance_id)
    query("INSERT INTO webhook_events (svix_id, type, outcome) VALUES ('msg_1', 'user.created', 'applied')")
    query("INSERT INTO sync_runs (kind, status, ended_at) VALUES ('all', 'done', now())")
    return {**clerk.environment, "DATABASE_URL": database_url, "CLERK_SYNC_ENV": "test"}


@pytest.fixture
def doctor(environment: Environment) -> Doctor:
    """Run ``flask sync-clerk doctor --json`` in the healthy set-up with some variables changed; None takes one away."""

    def run(*arguments: str, **changes: str | None) -> Report:
        changed = {name: value for name, value in {**environment, **changes}.items() if value is not None}
        with application(changed) as patient:
            runner = patient.test_cli_runner(env={name: changed.get(name) for name in (*VARIABLES, *changed)})
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
    made = create_app(settings)
    yield made
    with made.app_context():
        db.engine.dispose()


def test_nothing_is_wrong_with_a_healthy_set_up(doctor: Doctor) -> None:
    report = doctor()
    assert (report.exit_code, report.subjects("wrong")) == (0, [])
    assert set(VARIABLES) <= set(report.subjects("ok"))
    assert report.subjects("warning") == ["webhook route"]


def test_it_has_a_line_for_each_variable_that_we_read() -> None:
    described = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    assert described == set(VARIABLES)


def test_settings_that_stop_the_service_do_not_stop_the_doctor(clerk: LocalClerk, environment: Environment) -> None:
    """Through ``flask`` and wsgi.py, where every other command ends with the report of the settings."""
    broken = environment_for(clerk, "mysql://admin:hunter2@db/shop") | {"PORT": "http", "CLERK_AUTHORIZED_PARTIES": ""}
    assert run_flask(broken, "sync-clerk", "check").returncode == 2
    ran = run_flask(broken, "sync-clerk", "doctor", "--json")
    report = Report(ran.returncode, ran.stdout)
    assert report.exit_code == 1
    assert {"DATABASE_URL", "PORT", "CLERK_AUTHORIZED_PARTIES"} <= set(report.subjects("wrong"))
    assert "expected a whole number from 1 to 65535" in report.of("PORT", "wrong")
    assert "mend DATABASE_URL first" in report.of("database", "warning")
    report.of("Clerk's API", "ok")
    report.of("key set", "ok")
    assert "hunter2" not in ran.stdout + ran.stderr


def test_lines_for_people_have_marks_and_words_and_no_colours_off_a_terminal(environment: Environment) -> None:
    with application({**environment, "CLERK_WEBHOOK_SIGNING_SECRET": ""}) as patient:
        output = patient.test_cli_runner(env=environment).invoke(args=["sync-clerk", "doctor"]).output
    assert "✓ ok      DATABASE_URL                  set\n" in output
    assert (
        "✗ wrong   CLERK_WEBHOOK_SIGNING_SECRET  not set: every webhook is answered 503 -> copy the Signing" in output
    )
    assert "! warning webhook route                 not tried -> flask sync-clerk doctor --url" in output
    assert "\x1b" not in output


def test_no_secret_comes_into_the_report(doctor: Doctor) -> None:
    secrets = {
        "CLERK_SECRET_KEY": "sk_test_CANARY1",
        "CLERK_WEBHOOK_SIGNING_SECRET": "whsec_CANARY2CANARY2CANARY2CANARY2CANARY2",
        "METRICS_TOKEN": "CANARY3",
        "DATABASE_URL": "postgresql://CANARY4:CANARY5@127.0.0.1:1/CANARY6",
        "CLERK_JWT_KEY": "CANARY7",
        "CLERK_WEBHOOK_SECRET": "CANARY8",
    }
    report = doctor("--url", "http://127.0.0.1:1", **secrets)
    assert report.exit_code == 1
    assert "CANARY" not in report.text


def test_an_address_with_a_login_in_it_is_refused_and_not_repeated(environment: Environment) -> None:
    with application(environment) as patient:
        arguments = ["sync-clerk", "doctor", "--url", "https://user:CANARY@shop.example.com"]
        result = patient.test_cli_runner(env=environment).invoke(args=arguments)
    assert result.exit_code == 2
    assert "CANARY" not in result.output


# Settings and keys


def test_a_variable_that_nothing_reads_is_named_with_the_one_that_was_meant(doctor: Doctor) -> None:
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
    assert "sync and check cannot ask Clerk" in report.of("CLERK_SECRET_KEY", "warning")


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
    assert "live keys, and this is development" in report.of("kind of keys", "wrong")


@pytest.mark.parametrize(
    ("parties", "said"),
    [
        ("https://local-clerk-1.clerk.accounts.dev", "is Clerk's own address"),
        ("http://127.0.0.1:3000", "is a developer's machine"),
        ("http://shop.example.com", "is not https"),
        ("https://shop.example.com,https://shop.example.com", "stands there twice"),
    ],
)
def test_origins_that_are_typical_mistakes(doctor: Doctor, parties: str, said: str) -> None:
    report = doctor(CLERK_AUTHORIZED_PARTIES=parties, CLERK_SYNC_ENV="production")
    assert said in report.of("authorized parties", "warning")


def test_an_origin_with_a_path(doctor: Doctor) -> None:
    report = doctor(CLERK_AUTHORIZED_PARTIES="https://shop.example.com/")
    assert "no slash at the end" in report.of("CLERK_AUTHORIZED_PARTIES", "wrong")


# Clerk


def test_a_secret_key_that_clerk_does_not_know(doctor: Doctor) -> None:
    report = doctor(CLERK_SECRET_KEY="sk_test_of_somebody_else")
    assert report.exit_code == 1
    assert "Clerk does not know CLERK_SECRET_KEY" in report.of("Clerk's API", "wrong")
    report.of("clock", "ok")


def test_an_api_that_cannot_be_reached(doctor: Doctor) -> None:
    report = doctor(CLERK_API_URL="http://127.0.0.1:1")
    assert "nobody listens there" in report.of("Clerk's API", "wrong")
    report.of("database", "ok")


def test_something_else_behind_the_address_of_the_api(doctor: Doctor) -> None:
    with stranger(200, b"<html>") as url:
        report = doctor(CLERK_API_URL=url)
    assert "not as Clerk does" in report.of("Clerk's API", "wrong")
    assert "not a JSON object" in report.of("key set", "wrong")


@pytest.mark.parametrize(
    ("off_s", "said", "verdict"), [(-8, "ahead of", "wrong"), (400, "behind", "wrong"), (0, "within", "ok")]
)
def test_a_clock_that_is_off(doctor: Doctor, off_s: float, said: str, verdict: str) -> None:
    instance = {"id": "ins_1", "environment_type": "development"}
    with stranger(200, instance, headers={"Date": formatdate(time.time() + off_s, usegmt=True)}) as url:
        report = doctor(CLERK_API_URL=url)
    assert said in report.of("clock", verdict)


def test_a_test_key_of_a_production_instance(doctor: Doctor) -> None:
    with stranger(200, {"id": "ins_1", "environment_type": "production"}) as url:
        report = doctor(CLERK_API_URL=url)
    assert "sk_test_" in report.of("instance", "wrong")


def test_a_public_key_of_another_instance(doctor: Doctor, clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        report = doctor(CLERK_JWT_KEY=other.public_key_pem)
    assert "none of the keys that the instance publishes" in report.of("CLERK_JWT_KEY's instance", "wrong")
    doctor(CLERK_JWT_KEY=clerk.public_key_pem).of("CLERK_JWT_KEY's instance", "ok")


def test_keys_of_another_instance_than_the_mirrors(doctor: Doctor, clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        report = doctor(**other.environment)
    said = report.of("binding", "wrong")
    assert f"to {clerk.instance_id}, and CLERK_SECRET_KEY belongs to {other.instance_id}" in said
    assert "rebind" in said


# The database


def test_a_database_that_is_down(doctor: Doctor) -> None:
    report = doctor(DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/none")
    assert report.exit_code == 1
    assert "nobody listens there" in report.of("database", "wrong")
    assert "not looked at" in report.of("role wall", "warning")
    report.of("Clerk's API", "ok")


def test_a_database_that_does_not_exist(doctor: Doctor, environment: Environment) -> None:
    url = environment["DATABASE_URL"].replace("clerk_sync_test_", "nowhere_")
    assert "no such database or login" in doctor(DATABASE_URL=url).of("database", "wrong")


def test_migrations_that_never_ran(doctor: Doctor, new_database: Callable[[], str]) -> None:
    report = doctor(DATABASE_URL=new_database())
    assert "never run" in report.of("migrations", "wrong")
    assert "flask db upgrade" in report.of("migrations", "wrong")
    assert "the database says 42" in report.of("role wall", "wrong")


@pytest.mark.parametrize(("revision", "mend"), [("0002", "flask db upgrade"), ("9999", "deploy the newer code")])
def test_migrations_of_another_version(doctor: Doctor, query: Query, revision: str, mend: str) -> None:
    (before,) = query("SELECT version_num FROM alembic_version")
    query("UPDATE alembic_version SET version_num = %s", revision)
    try:
        report = doctor()
    finally:
        query("UPDATE alembic_version SET version_num = %s", *before)
    assert f"at {revision}" in report.of("migrations", "wrong")
    assert mend in report.of("migrations", "wrong")


def test_more_workers_than_the_database_has_connections_for(doctor: Doctor) -> None:
    assert "the server takes" in doctor(WEB_CONCURRENCY="200").of("database connections", "warning")


def test_a_table_that_somebody_has_locked_keeps_the_doctor_from_one_look_only(
    doctor: Doctor, operator: Connection
) -> None:
    operator.autocommit = False
    with operator.cursor() as cursor:
        cursor.execute("LOCK TABLE role_changes")
    try:
        report = doctor()
    finally:
        operator.rollback()
        operator.autocommit = True
    assert "the database took too long" in report.of("roles", "warning")
    report.of("parked", "ok")


# Roles


def test_a_wall_whose_trigger_is_switched_off(doctor: Doctor, query: Query) -> None:
    query("ALTER TABLE users DISABLE TRIGGER role_wall_insert, DISABLE TRIGGER role_audit_insert")
    try:
        report = doctor()
    finally:
        query("ALTER TABLE users ENABLE TRIGGER role_wall_insert, ENABLE TRIGGER role_audit_insert")
    said = [each["found"] for each in report.findings if each["subject"] == "role wall"]
    assert said == [
        "triggers missing or switched off: role_audit_insert, role_wall_insert",
        "tried: an ADMIN made by the application was not refused",
    ]
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_a_connection_name_that_does_not_arrive(doctor: Doctor, new_database: Callable[[], str]) -> None:
    url = migrate(new_database())
    name_is_lost = "CREATE OR REPLACE FUNCTION is_application_session() RETURNS boolean LANGUAGE sql AS 'SELECT false'"
    run_statement(url, name_is_lost)
    report = doctor(DATABASE_URL=url)
    assert "PgBouncer" in report.of("connection name", "wrong")
    assert "was not refused" in report.of("role wall", "wrong")
    assert run_statement(url, "SELECT count(*) FROM users") == [(0,)]


def test_an_admin_whom_the_audit_does_not_know(doctor: Doctor, query: Query) -> None:
    query("ALTER TABLE users DISABLE TRIGGER role_audit_insert")
    try:
        query("INSERT INTO users (clerk_id, role) VALUES ('user_sneaked_in', 'ADMIN')")
    finally:
        query("ALTER TABLE users ENABLE TRIGGER role_audit_insert")
    report = doctor()
    assert report.exit_code == 1
    assert "user_sneaked_in is ADMIN, and role_changes knows nothing of it" in report.of("roles", "wrong")


def test_a_role_that_the_application_has_changed(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO users (clerk_id, role) VALUES ('user_boss', 'ADMIN')")
    assert "1 ADMIN, each accounted for" in doctor().of("roles", "ok")
    query("UPDATE role_changes SET application_name = 'clerk_sync'")
    assert "1 from the application itself" in doctor().of("role changes", "wrong")
    query("UPDATE role_changes SET application_name = ''")
    assert "1 from a session without a name" in doctor().of("role changes", "warning")


# The mirror


def test_parked_events(doctor: Doctor, query: Query) -> None:
    parked = """INSERT INTO webhook_events (svix_id, outcome, received_at, payload)
                VALUES ('msg_2', 'parked', now() - %s::interval, '{}')"""
    query(parked, "3 days")
    assert "1 events wait, the oldest for 3 days" in doctor().of("parked", "warning")


def test_events_that_stopped_coming(doctor: Doctor, query: Query) -> None:
    query("UPDATE webhook_events SET received_at = now() - '6 days'::interval")
    assert "6 days ago -> Clerk disables an endpoint" in doctor().of("last event", "warning")
    query("DELETE FROM webhook_events")
    assert "none ever -> add the endpoint" in doctor().of("last event", "warning")


def test_events_of_another_instance(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO webhook_events (svix_id, outcome) VALUES ('msg_2', 'foreign')")
    assert "1 within a week" in doctor().of("foreign events", "warning")


def test_a_run_of_sync_that_was_refused(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO sync_runs (kind, status, ended_at, reason) VALUES ('all', 'refused', now(), '9 are gone')")
    assert "the last run is refused: 9 are gone" in doctor().of("last sync", "wrong")


def test_a_lease_that_a_dead_run_holds(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO sync_runs (kind, heartbeat_at) VALUES ('all', now() - '1 hour'::interval)")
    assert "silent for 60 min" in doctor().of("lease", "warning")


def test_two_faults_at_once_are_both_named(doctor: Doctor) -> None:
    report = doctor(CLERK_SECRET_KEY="sk_test_wrong", DATABASE_URL="postgresql://127.0.0.1:1/none", PORT="0")
    assert {"PORT", "Clerk's API", "database"} <= set(report.subjects("wrong"))
