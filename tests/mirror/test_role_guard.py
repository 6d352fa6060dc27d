"""Roles change in a person's database session and nowhere else, and each change is written down by the database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from clerk_sync.db.connect import MIGRATE_NAME, MIGRATIONS_NAME
from clerk_sync.shop.db import db

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def grace(app: Flask, query: Query) -> None:
    query("INSERT INTO users (clerk_id, email) VALUES ('user_grace', 'grace@example.com')")


@pytest.mark.usefixtures("grace")
def test_an_operator_makes_an_admin_and_the_database_writes_it_down(query: Query) -> None:
    query("UPDATE users SET role = 'ADMIN' WHERE email = 'grace@example.com'")
    assert query("SELECT role FROM users") == [("ADMIN",)]
    assert query(
        "SELECT clerk_id, old_role, new_role, changed_by = session_user, application_name, changed_at <= now()"
        " FROM role_changes"
    ) == [("user_grace", "CLIENT", "ADMIN", True, "psql", True)]


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'ADMIN' WHERE email = 'grace@example.com'",
        "INSERT INTO users (clerk_id, role) VALUES ('user_mallory', 'ADMIN')",
        "INSERT INTO users (clerk_id) VALUES ('user_grace') ON CONFLICT (clerk_id) DO UPDATE SET role = 'ADMIN'",
        (
            "INSERT INTO role_changes (user_id, clerk_id, new_role, changed_by, application_name)"
            " SELECT id, clerk_id, 'ADMIN', 'nobody', 'psql' FROM users"
        ),
        "DELETE FROM role_changes",
        "TRUNCATE role_changes",
    ],
)
def test_the_database_refuses_the_application(app: Flask, query: Query, statement: str) -> None:
    with app.app_context(), pytest.raises(ProgrammingError, match="the application may not"):
        db.session.execute(text(statement))
    assert query("SELECT count(*) FILTER (WHERE role = 'ADMIN') FROM users") == [(0,)]
    assert query("SELECT count(*) FROM role_changes") == [(0,)]


WRITES = (
    "UPDATE users SET role = 'ADMIN'",
    "INSERT INTO users (clerk_id, role) VALUES ('user_mallory', 'ADMIN')",
    "INSERT INTO role_changes (user_id, clerk_id, new_role, changed_by, application_name) VALUES (1, '', '', '', '')",
    "UPDATE role_changes SET new_role = 'CLIENT'",
    "DELETE FROM role_changes",
    "TRUNCATE role_changes",
)


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize("name", ["", " ", "app - 127.0.0.1:40000", "clerk_sync worker"])
@pytest.mark.parametrize("statement", WRITES)
def test_a_session_without_a_name_counts_as_the_applications(database_url: str, name: str, statement: str) -> None:
    with closing(psycopg2.connect(database_url, application_name=name)) as session, session.cursor() as cursor:
        with pytest.raises(InsufficientPrivilege, match="the application may not"):
            cursor.execute(statement)
        session.rollback()
        cursor.execute("UPDATE users SET first_name = 'Grace'")


@pytest.mark.usefixtures("grace")
@pytest.mark.parametrize("name", ["psql", "pgAdmin 4 - DB:shop", "DBeaver 24.1", MIGRATIONS_NAME, MIGRATE_NAME])
def test_a_session_with_a_name_is_a_persons(database_url: str, query: Query, name: str) -> None:
    with closing(psycopg2.connect(database_url, application_name=name)) as session, session.cursor() as cursor:
        cursor.execute("UPDATE users SET role = 'ADMIN'")
        session.commit()
    assert query("SELECT new_role, application_name FROM role_changes") == [("ADMIN", name)]


@pytest.mark.usefixtures("grace")
def test_the_application_cannot_take_a_role_away_either(app: Flask, query: Query) -> None:
    query("UPDATE users SET role = 'ADMIN'")
    with app.app_context(), pytest.raises(ProgrammingError, match="may not set a role"):
        db.session.execute(text("UPDATE users SET role = 'CLIENT'"))
    assert query("SELECT role FROM users") == [("ADMIN",)]


@pytest.mark.usefixtures("grace")
def test_everything_else_of_a_user_is_the_applications_to_write(app: Flask, query: Query) -> None:
    query("UPDATE users SET role = 'ADMIN'")
    with app.app_context():
        db.session.execute(text("UPDATE users SET first_name = 'Grace'"))
        db.session.commit()
    assert query("SELECT role, first_name FROM users") == [("ADMIN", "Grace")]
    assert query("SELECT count(*) FROM role_changes") == [(1,)]


def test_a_user_who_is_inserted_as_admin_is_written_down_too(app: Flask, query: Query, operator: Connection) -> None:
    query("INSERT INTO users (clerk_id, role) VALUES ('user_root', 'ADMIN')")
    assert query("SELECT clerk_id, old_role, new_role FROM role_changes") == [("user_root", None, "ADMIN")]


def test_there_is_no_third_role(app: Flask, query: Query) -> None:
    from psycopg2.errors import CheckViolation

    with pytest.raises(CheckViolation):
        query("INSERT INTO users (clerk_id, role) VALUES ('user_root', 'ROOT')")
