"""The doctor names each fault and its fix. No fault hides another, and no secret is shown."""

from __future__ import annotations

from clerk_sync.cli.doctor.settings import VARIABLES
from clerk_sync.emulator import LocalClerk
from tests.cli.doctor.conftest import Doctor, Environment, Report, application
from tests.stage.service import environment_for, run_flask


def test_nothing_is_wrong_with_a_healthy_set_up(doctor: Doctor) -> None:
    report = doctor()
    assert (report.exit_code, report.subjects("wrong")) == (0, [])
    assert set(VARIABLES) <= set(report.subjects("ok"))
    assert report.subjects("warning") == ["webhook route"]


def test_settings_that_stop_the_service_do_not_stop_the_doctor(clerk: LocalClerk, environment: Environment) -> None:
    """Run through ``flask`` and wsgi.py: every other command stops at the settings."""
    broken = environment_for(clerk, "mysql://admin:hunter2@db/shop") | {"PORT": "http", "CLERK_AUTHORIZED_PARTIES": ""}
    assert run_flask(broken, "sync-clerk", "check").returncode == 2
    ran = run_flask(broken, "sync-clerk", "doctor", "--json")
    report = Report(ran.returncode, ran.stdout)
    assert report.exit_code == 1
    assert {"DATABASE_URL", "PORT", "CLERK_AUTHORIZED_PARTIES"} <= set(report.subjects("wrong"))
    assert "expected a whole number from 1 to 65535" in report.of("PORT", "wrong")
    assert "fix DATABASE_URL first" in report.of("database", "warning")
    report.of("Clerk's API", "ok")
    report.of("key set", "ok")
    assert "hunter2" not in ran.stdout + ran.stderr


def test_two_faults_at_once_are_both_named(doctor: Doctor) -> None:
    report = doctor(CLERK_SECRET_KEY="sk_test_wrong", DATABASE_URL="postgresql://127.0.0.1:1/none", PORT="0")
    assert {"PORT", "Clerk's API", "database"} <= set(report.subjects("wrong"))


def test_printed_lines_have_marks_and_words_and_no_colors_off_a_terminal(environment: Environment) -> None:
    with application({**environment, "CLERK_WEBHOOK_SIGNING_SECRET": ""}) as app:
        output = app.test_cli_runner(env=environment).invoke(args=["sync-clerk", "doctor"]).output
    assert "✓ ok      DATABASE_URL                  set\n" in output
    assert (
        "✗ wrong   CLERK_WEBHOOK_SIGNING_SECRET  not set: every webhook is answered 503 -> copy the Signing" in output
    )
    assert "! warning webhook route                 not checked -> flask sync-clerk doctor --url" in output
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
    with application(environment) as app:
        arguments = ["sync-clerk", "doctor", "--url", "https://user:CANARY@shop.example.com"]
        result = app.test_cli_runner(env=environment).invoke(args=arguments)
    assert result.exit_code == 2
    assert "CANARY" not in result.output
