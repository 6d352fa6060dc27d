"""A role guard with a gap, and roles that the audit does not explain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.roles import check_role_guard
from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.settings.settings import Settings
from tests.cli.doctor.conftest import Doctor
from tests.local_clerk import Query
from tests.stage.histories import HISTORIES
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement


def test_a_disabled_trigger_of_the_role_guard_is_reported(doctor: Doctor, query: Query) -> None:
    query("ALTER TABLE users DISABLE TRIGGER role_wall_insert, DISABLE TRIGGER role_audit_insert")
    try:
        report = doctor()
    finally:
        query("ALTER TABLE users ENABLE TRIGGER role_wall_insert, ENABLE TRIGGER role_audit_insert")
    said = [each["found"] for each in report.findings if each["subject"] == "role guard"]
    assert said == [
        "triggers missing or disabled: role_audit_insert, role_wall_insert",
        "tested: an ADMIN made by the application was not refused",
    ]
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_a_connection_name_that_does_not_arrive(doctor: Doctor, new_database: Callable[[], str]) -> None:
    url = migrate(new_database())
    name_is_lost = "CREATE OR REPLACE FUNCTION is_application_session() RETURNS boolean LANGUAGE sql AS 'SELECT false'"
    run_statement(url, name_is_lost)
    report = doctor(DATABASE_URL=url)
    assert "PgBouncer" in report.of("connection name", "wrong")
    assert "was not refused" in report.of("role guard", "wrong")
    assert run_statement(url, "SELECT count(*) FROM users") == [(0,)]


def test_a_guard_that_lets_sessions_without_a_name_through(doctor: Doctor, new_database: Callable[[], str]) -> None:
    url = migrate(new_database())
    old = "CREATE OR REPLACE FUNCTION is_application_session() RETURNS boolean LANGUAGE sql STABLE AS"
    run_statement(url, f"{old} $$ SELECT starts_with(current_setting('application_name'), 'clerk_sync') $$")
    report = doctor(DATABASE_URL=url)
    assert "a session without an application_name may change roles" in report.of("role guard", "wrong")
    assert report.of("connection name", "ok")


def test_a_name_that_is_lost_on_the_way(app: Flask, database_url: str, settings: Settings) -> None:
    nameless = ConnectionFactory(database_url, Path(), "")
    with app.app_context(), TransactionalConnection(nameless) as transactions:
        context = CheckContext(settings=settings, histories=HISTORIES, transactions=transactions)
        found = {each.subject: each for each in check_role_guard(context)}
    assert found["connection name"].found.startswith("lost on the way to the database")
    assert found["role guard"].verdict == "ok"


def test_a_healthy_guard_is_tested(doctor: Doctor) -> None:
    assert "and to sessions without a name" in doctor().of("role guard", "ok")


def test_an_admin_that_the_audit_does_not_explain_is_reported(doctor: Doctor, query: Query) -> None:
    query("ALTER TABLE users DISABLE TRIGGER role_audit_insert")
    try:
        query("INSERT INTO users (clerk_id, role) VALUES ('user_sneaked_in', 'ADMIN')")
    finally:
        query("ALTER TABLE users ENABLE TRIGGER role_audit_insert")
    report = doctor()
    assert report.exit_code == 1
    assert "user_sneaked_in is ADMIN, but role_changes does not say so" in report.of("roles", "wrong")


def test_a_role_that_the_application_has_changed(doctor: Doctor, query: Query) -> None:
    query("INSERT INTO users (clerk_id, role) VALUES ('user_boss', 'ADMIN')")
    assert "1 ADMIN, each recorded" in doctor().of("roles", "ok")
    query("UPDATE role_changes SET application_name = 'clerk_sync'")
    assert "1 from the application itself" in doctor().of("role changes", "wrong")
    query("UPDATE role_changes SET application_name = ''")
    assert "1 from a session without a name" in doctor().of("role changes", "warning")
