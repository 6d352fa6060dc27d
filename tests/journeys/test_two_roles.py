"""docs/two-roles.sql: with a login of its own the application cannot set a role, whatever it calls itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.database import embedded_psql
from tests.journeys.traffic import drive_everything
from tests.stage.house import open_house
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import ROOT

ROLE = "clerk_sync_app"


def psql(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run psql as a person does."""
    return subprocess.run([embedded_psql(), url, *arguments], check=False, capture_output=True, text=True)


def restrict(url: str) -> str:
    """Run the script on the database at ``url``, twice as after an upgrade; return the application's own URL."""
    for _ in range(2):
        done = psql(url, "--set", "ON_ERROR_STOP=1", "--file", str(ROOT / "docs" / "two-roles.sql"))
        assert done.returncode == 0, done.stderr
    return urlsplit(url)._replace(netloc=f"{ROLE}@").geturl()


@pytest.fixture(scope="module")
def restricted_login(postgres: PostgresServer) -> Iterator[Connection]:
    """The application's own login, on a database with one user; every statement commits."""
    url = postgres.create_database("journey_restricted", template="migrated")
    run_statement(url, "INSERT INTO users (clerk_id) VALUES ('user_grace')")
    with closing(psycopg2.connect(restrict(url))) as connection:
        connection.autocommit = True
        yield connection


def test_all_traffic_works_under_the_restricted_login(doomed_database: str, tmp_path: Path) -> None:
    with open_house(restrict(doomed_database), tmp_path) as house:
        drive_everything(house, doomed_database)
    assert run_statement(doomed_database, "SELECT count(*) FILTER (WHERE role = 'ADMIN') FROM users") == [(0,)]


@pytest.mark.parametrize("application_name", ["psql", "clerk_sync", "flask db", ""])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'ADMIN'",
        "INSERT INTO users (clerk_id, role) VALUES ('user_mallory', 'ADMIN')",
        "INSERT INTO users (clerk_id) VALUES ('user_grace') ON CONFLICT (clerk_id) DO UPDATE SET role = 'ADMIN'",
        "DELETE FROM users",
        "DELETE FROM role_changes",
        (
            "INSERT INTO role_changes (user_id, clerk_id, new_role, changed_by, application_name)"
            " VALUES (1, 'user_grace', 'ADMIN', 'nobody', 'psql')"
        ),
        "ALTER TABLE users DISABLE TRIGGER role_wall_update",
        "DROP TRIGGER role_wall_update ON users",
        "CREATE OR REPLACE FUNCTION is_application_session() RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "SET session_replication_role = 'replica'",
        "SET ROLE postgres",
    ],
)
def test_the_restricted_login_is_refused_whatever_it_calls_itself(
    restricted_login: Connection, application_name: str, statement: str
) -> None:
    with restricted_login.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", (application_name,))
        with pytest.raises(InsufficientPrivilege):
            cursor.execute(statement)


def test_a_person_at_psql_makes_an_admin_and_the_database_writes_it_down(doomed_database: str) -> None:
    run_statement(doomed_database, "INSERT INTO users (clerk_id, email) VALUES ('user_grace', 'grace@example.com')")
    done = psql(doomed_database, "--command", "UPDATE users SET role = 'ADMIN' WHERE email = 'grace@example.com'")
    assert done.stdout.strip() == "UPDATE 1"
    assert run_statement(doomed_database, "SELECT clerk_id, new_role, application_name FROM role_changes") == [
        ("user_grace", "ADMIN", "psql")
    ]


def test_psql_that_calls_itself_the_application_is_refused_like_it(doomed_database: str) -> None:
    run_statement(doomed_database, "INSERT INTO users (clerk_id) VALUES ('user_grace')")
    promote = "SET application_name = 'clerk_sync'; UPDATE users SET role = 'ADMIN'"
    done = psql(doomed_database, "--command", promote)
    assert "the application may not set a role" in done.stderr
    assert run_statement(doomed_database, "SELECT role FROM users") == [("CLIENT",)]
