"""docs/two-roles.sql: with its own login the application cannot set a role under any application_name."""

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

from clerk_sync.db.connect import ConnectionFactory, embedded_psql
from clerk_sync.db.search_path import SearchPath
from clerk_sync.db.state import find_obstacles
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.migrations import mirror_history, upgrade
from tests.journeys.traffic import drive_everything
from tests.stage.histories import HISTORIES, NEEDED
from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.servers import start_servers
from tests.stage.service import ROOT

ROLE = "clerk_sync_app"


def psql(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run psql as an operator."""
    return subprocess.run([embedded_psql(), url, *arguments], check=False, capture_output=True, text=True)


def restrict(url: str) -> str:
    """Run the script on the database at ``url``, twice as after an upgrade; return the application's URL."""
    for _ in range(2):
        done = psql(url, "--set", "ON_ERROR_STOP=1", "--file", str(ROOT / "docs" / "two-roles.sql"))
        assert done.returncode == 0, done.stderr
    return urlsplit(url)._replace(netloc=f"{ROLE}@").geturl()


@pytest.fixture(params=["owns the database", "may only create in it"])
def owner_url(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an owner of our tables who is not a superuser."""
    run_statement(postgres.url(), "CREATE ROLE the_owner LOGIN CREATEROLE")
    url = postgres.create_database("journey_owner")
    if "owns" in request.param:
        run_statement(url, "ALTER DATABASE journey_owner OWNER TO the_owner")
    else:
        run_statement(url, "GRANT CREATE ON SCHEMA public TO the_owner")
    yield migrate(login_of(url, "the_owner"))
    run_statement(postgres.url(), "DROP DATABASE journey_owner WITH (FORCE)")
    run_statement(postgres.url(), f"DROP ROLE IF EXISTS {OWN_ROLE}")
    run_statement(postgres.url(), "DROP ROLE the_owner")


OWN_ROLE = "the_application"


def login_of(url: str, role: str) -> str:
    return urlsplit(url)._replace(netloc=f"{role}@").geturl()


def run_script(url: str) -> None:
    script = str(ROOT / "docs" / "two-roles.sql")
    done = psql(url, "--set", "ON_ERROR_STOP=1", "--set", f"app={OWN_ROLE}", "--file", script)
    assert done.returncode == 0, done.stderr


def rights(postgres: PostgresServer, *, ours: bool) -> dict[str, set[str]]:
    """Return the login's rights on our tables, or on all others; on whole tables or on columns."""
    found = run_statement(
        postgres.url("journey_owner"),
        """
        SELECT oid::regclass::text, privilege FROM pg_class,
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
        WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'other')
          AND (has_table_privilege(%s, oid, privilege) OR privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
               AND has_any_column_privilege(%s, oid, privilege))
        """,
        (OWN_ROLE, OWN_ROLE),
    )
    by_table: dict[str, set[str]] = {}
    for table, privilege in found:
        if (table in NEEDED) is ours:
            by_table.setdefault(table, set()).add(privilege)
    return by_table


def test_the_script_grants_what_the_service_needs_and_nothing_else(postgres: PostgresServer, owner_url: str) -> None:
    run_script(owner_url)
    assert rights(postgres, ours=True) == {table: set(privileges) for table, privileges in NEEDED.items()}
    assert rights(postgres, ours=False) == {}
    with TransactionalConnection(ConnectionFactory(login_of(owner_url, OWN_ROLE), Path())) as transactions:
        assert find_obstacles(transactions.fetch_all, HISTORIES) == []


def test_the_script_revokes_what_was_granted_on_our_tables_meanwhile(postgres: PostgresServer, owner_url: str) -> None:
    run_script(owner_url)
    run_statement(owner_url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {OWN_ROLE}")
    run_statement(owner_url, f"GRANT UPDATE (role) ON users TO {OWN_ROLE}")
    run_script(owner_url)
    assert rights(postgres, ours=True) == {table: set(privileges) for table, privileges in NEEDED.items()}


def test_the_script_leaves_rights_on_other_tables_as_they_are(postgres: PostgresServer, owner_url: str) -> None:
    run_script(owner_url)
    superuser_url = postgres.url("journey_owner")
    run_statement(owner_url, "CREATE TABLE reports (id int)")
    run_statement(superuser_url, "CREATE TABLE archive (id int, note text)")
    run_statement(superuser_url, "CREATE SCHEMA other CREATE TABLE ledger (id int)")
    run_statement(owner_url, f"GRANT SELECT, INSERT ON reports TO {OWN_ROLE}")
    run_statement(superuser_url, f"GRANT SELECT, UPDATE (note) ON archive TO {OWN_ROLE}")
    run_statement(superuser_url, f"GRANT ALL ON other.ledger TO {OWN_ROLE}")
    before = rights(postgres, ours=False)
    assert before["reports"] == {"SELECT", "INSERT"}
    assert before["archive"] == {"SELECT", "UPDATE"}
    assert len(before["other.ledger"]) == 7
    for _ in range(2):
        run_script(owner_url)
        assert rights(postgres, ours=False) == before


def test_the_script_grants_the_same_in_a_schema_of_a_host_and_nothing_in_public(postgres: PostgresServer) -> None:
    schema = 'Team "A"'
    url = postgres.create_database("two_roles_in_a_schema")
    for table in ("users", "orders", "alembic_version", "role_changes"):
        run_statement(url, f"CREATE TABLE {table} (id int)")
    with closing(psycopg2.connect(url)) as connection:
        upgrade(connection, schema)
        connection.commit()
    arguments = ("--set", "ON_ERROR_STOP=1", "--set", f"app={OWN_ROLE}", "--set", f"schema={schema}")
    for _ in range(2):
        done = psql(url, *arguments, "--file", str(ROOT / "docs" / "two-roles.sql"))
        assert (done.returncode, done.stderr) == (0, "")
    connect = ConnectionFactory(login_of(url, OWN_ROLE), Path(), search_path=SearchPath((schema,)))
    with TransactionalConnection(connect) as transactions:
        assert find_obstacles(transactions.fetch_all, [mirror_history(schema)]) == []
        with pytest.raises(InsufficientPrivilege):
            transactions.fetch_all("UPDATE users SET role = 'ADMIN'")
    readable = "relnamespace = 'public'::regnamespace AND has_table_privilege(%s, oid, 'SELECT')"
    assert run_statement(url, f"SELECT relname FROM pg_class WHERE {readable}", (OWN_ROLE,)) == []
    run_statement(postgres.url(), "DROP DATABASE two_roles_in_a_schema WITH (FORCE)")
    run_statement(postgres.url(), f"DROP ROLE {OWN_ROLE}")


def test_the_script_leaves_a_right_to_create_and_says_so(postgres: PostgresServer, owner_url: str) -> None:
    run_statement(postgres.url("journey_owner"), "GRANT CREATE ON SCHEMA public TO PUBLIC")
    script = str(ROOT / "docs" / "two-roles.sql")
    done = psql(owner_url, "--set", "ON_ERROR_STOP=1", "--set", f"app={OWN_ROLE}", "--file", script)
    assert "The login may create objects in schema public" in done.stderr
    assert run_statement(owner_url, "SELECT has_schema_privilege('public', 'public', 'CREATE')") == [(True,)]


@pytest.fixture(scope="module")
def restricted_login(postgres: PostgresServer) -> Iterator[Connection]:
    """The application's own login, on a database with one user. Every statement commits."""
    url = postgres.create_database("journey_restricted", template="migrated")
    run_statement(url, "INSERT INTO users (clerk_id) VALUES ('user_grace')")
    with closing(psycopg2.connect(restrict(url))) as connection:
        connection.autocommit = True
        yield connection


def test_all_traffic_works_under_the_restricted_login(killable_database: str, tmp_path: Path) -> None:
    with start_servers(restrict(killable_database), tmp_path) as servers:
        drive_everything(servers, killable_database)
    assert run_statement(killable_database, "SELECT count(*) FILTER (WHERE role = 'ADMIN') FROM users") == [(0,)]


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
def test_the_restricted_login_is_refused_under_any_application_name(
    restricted_login: Connection, application_name: str, statement: str
) -> None:
    with restricted_login.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", (application_name,))
        with pytest.raises(InsufficientPrivilege):
            cursor.execute(statement)


def test_an_operator_at_psql_makes_an_admin_and_the_database_records_it(killable_database: str) -> None:
    run_statement(killable_database, "INSERT INTO users (clerk_id, email) VALUES ('user_grace', 'grace@example.com')")
    done = psql(killable_database, "--command", "UPDATE users SET role = 'ADMIN' WHERE email = 'grace@example.com'")
    assert done.stdout.strip() == "UPDATE 1"
    assert run_statement(killable_database, "SELECT clerk_id, new_role, application_name FROM role_changes") == [
        ("user_grace", "ADMIN", "psql")
    ]


def test_psql_with_the_applications_name_is_refused_like_the_application(killable_database: str) -> None:
    run_statement(killable_database, "INSERT INTO users (clerk_id) VALUES ('user_grace')")
    promote = "SET application_name = 'clerk_sync'; UPDATE users SET role = 'ADMIN'"
    done = psql(killable_database, "--command", promote)
    assert "the application may not set a role" in done.stderr
    assert run_statement(killable_database, "SELECT role FROM users") == [("CLIENT",)]
