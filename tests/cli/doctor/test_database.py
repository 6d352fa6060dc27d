"""A database that is down, unknown, not migrated, too small or locked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from tests.cli.doctor.conftest import Doctor, Environment
from tests.local_clerk import Query


def test_a_database_that_is_down(doctor: Doctor) -> None:
    report = doctor(DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/none")
    assert report.exit_code == 1
    assert "no server listens there" in report.of("database", "wrong")
    assert "not checked" in report.of("role guard", "warning")
    report.of("Clerk's API", "ok")


def test_a_database_that_does_not_exist(doctor: Doctor, environment: Environment) -> None:
    url = environment["DATABASE_URL"].replace("clerk_sync_test_", "nowhere_")
    assert "no such database or login" in doctor(DATABASE_URL=url).of("database", "wrong")


def test_migrations_that_never_ran(doctor: Doctor, new_database: Callable[[], str]) -> None:
    report = doctor(DATABASE_URL=new_database())
    assert "never run" in report.of("migrations", "wrong")
    assert "flask db upgrade" in report.of("migrations", "wrong")


@pytest.mark.parametrize(
    ("revision", "fix", "guard"),
    [("0002", "flask db upgrade", "warning"), ("9999", "deploy the newer code", "ok")],
)
def test_migrations_of_another_version(doctor: Doctor, query: Query, revision: str, fix: str, guard: str) -> None:
    (before,) = query("SELECT version_num FROM alembic_version")
    query("UPDATE alembic_version SET version_num = %s", revision)
    try:
        report = doctor()
    finally:
        query("UPDATE alembic_version SET version_num = %s", *before)
    assert f"shop {revision}" in report.of("migrations", "wrong")
    assert fix in report.of("migrations", "wrong")
    report.of("role guard", guard)  # objects that an older database lacks are not a second fault


def test_more_workers_than_the_database_has_connections_for(doctor: Doctor) -> None:
    assert "the server allows" in doctor(WEB_CONCURRENCY="200").of("database connections", "warning")


def test_a_table_that_somebody_has_locked_costs_one_check_only(doctor: Doctor, operator: Connection) -> None:
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
