"""``flask sync-clerk migrate``: the mirror's tables in their schema, or one sentence with the fix."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest
from flask import Flask

from clerk_sync import ClerkSync
from clerk_sync.app import create_app
from clerk_sync.db.connect import MIGRATE_NAME, embedded_psql
from clerk_sync.mirror import migrations
from clerk_sync.mirror.migrations import HEAD, LOCK, PRIVILEGES
from clerk_sync.settings.settings import Settings
from tests.local_clerk import wait_until
from tests.stage.changed_settings import changed
from tests.stage.migrations import load_previous_release, migrate
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import run_flask

ODD = 'Team "A" $$'
NOTHING_CHANGED = "Nothing was changed.\n"


class Host:
    """A host application whose mirror is in ``schema``."""

    def __init__(self, settings: Settings, url: str, schema: str = "clerk") -> None:
        self.url = url
        self.app = Flask("host")
        # A key that is never used: it fails later than the checks of the database.
        ClerkSync(
            settings=changed(
                settings, database_url=url, schema=schema, secret_key="sk_test_x", api_url="http://127.0.0.1:1"
            )
        ).init_app(self.app)

    def migrate(self, *options: str) -> str:
        """Run it and return what it printed; it must end with 0."""
        done = self.app.test_cli_runner().invoke(args=["sync-clerk", "migrate", *options])
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    def refuse(self, *options: str) -> str:
        """Run it and return its sentence; it must end with 1."""
        done = self.app.test_cli_runner().invoke(args=["sync-clerk", "migrate", *options])
        assert (done.exit_code, done.stdout) == (1, "")
        said = done.stderr.removeprefix("The mirror cannot be migrated: ").removesuffix(f". {NOTHING_CHANGED}")
        assert len(said) == len(done.stderr) - len("The mirror cannot be migrated: ") - len(f". {NOTHING_CHANGED}")
        assert "\n" not in said
        return said

    def ready(self) -> str:
        return str(self.app.test_client().get("/readyz").get_json()["migrations"]["detail"])

    def doctor(self) -> dict[str, str]:
        done = self.app.test_cli_runner().invoke(args=["sync-clerk", "doctor", "--json"])
        (found,) = [each for each in json.loads(done.stdout)["findings"] if each["subject"] == "migrations"]
        return dict(found)


MakeHost = Callable[..., Host]


@pytest.fixture
def make_host(settings: Settings) -> Iterator[MakeHost]:
    made: list[Host] = []

    def make(url: str, schema: str = "clerk") -> Host:
        made.append(Host(settings, url, schema))
        return made[-1]

    yield make
    for each in made:
        each.app.extensions["clerk_sync"].pool.dispose()


@pytest.fixture
def someone(postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    """The URLs of an empty database: of a superuser, and of a login without privileges."""
    run_statement(postgres.url(), "CREATE ROLE someone LOGIN")
    url = postgres.create_database("of_someone")
    yield url, urlsplit(url)._replace(netloc="someone@").geturl()
    run_statement(postgres.url(), "DROP DATABASE of_someone WITH (FORCE)")
    run_statement(postgres.url(), "DROP ROLE someone")


def tables_in(url: str, schema: str) -> set[str]:
    found = run_statement(url, "SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
    return {name for (name,) in found}


def test_it_makes_the_schema_and_the_tables_once(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    host = make_host(new_database())
    assert host.migrate() == f"The mirror's tables in schema clerk are now at {HEAD}.\n"
    assert host.migrate() == f"The mirror's tables in schema clerk were already at {HEAD}.\n"
    assert tables_in(host.url, "clerk") == set(PRIVILEGES)
    assert tables_in(host.url, "public") == set()


def test_four_processes_at_once_all_succeed(new_database: Callable[[], str]) -> None:
    url = new_database()
    environment = {**os.environ, "CLERK_SYNC_ENV": "test", "DATABASE_URL": url, "FLASK_SKIP_DOTENV": "1"}
    environment["CLERK_SYNC_SCHEMA"] = ODD
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: run_flask(environment, "sync-clerk", "migrate"), range(4)))
    assert [(ran.returncode, ran.stderr) for ran in runs] == [(0, "")] * 4
    assert sorted("are now" in ran.stdout for ran in runs) == [False, False, False, True]
    assert tables_in(url, ODD) == set(PRIVILEGES)


def test_each_waits_for_the_one_before(new_database: Callable[[], str]) -> None:
    url = new_database()
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )

    def upgrade() -> int:
        with closing(psycopg2.connect(url, application_name=MIGRATE_NAME)) as connection:
            applied = migrations.upgrade(connection, "clerk")
            connection.commit()
            return len(applied)

    with closing(psycopg2.connect(url, application_name="psql")) as holder, ThreadPoolExecutor(4) as pool:
        with holder.cursor() as cursor:
            cursor.execute(LOCK)
        running = [pool.submit(upgrade) for _ in range(4)]
        wait_until(lambda: run_statement(url, waiting) == [(4,)])
        assert tables_in(url, "clerk") == set()
        holder.rollback()
        # One creates the schema, the version table and all tables; the others have nothing to do.
        assert sorted(each.result(20) for each in running) == [0, 0, 0, int(HEAD) + 2]


@pytest.mark.parametrize("schema", ["clerk", ODD, "public"])
def test_the_printed_sql_does_the_same_in_psql(
    make_host: MakeHost, new_database: Callable[[], str], schema: str
) -> None:
    by_command, by_psql = make_host(new_database(), schema), make_host(new_database(), schema)
    by_command.migrate()
    sql = by_psql.migrate("--sql")
    assert tables_in(by_psql.url, schema) == set()
    run_psql(by_psql.url, sql)
    assert functions_in(by_psql.url, schema) == functions_in(by_command.url, schema)
    assert tables_in(by_psql.url, schema) == set(PRIVILEGES)
    assert by_psql.migrate("--sql") == ""
    assert by_psql.migrate() == f"The mirror's tables in schema {schema} were already at {HEAD}.\n"


def test_only_what_is_still_to_do_is_printed(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    host = make_host(new_database())
    host.migrate()
    run_statement(host.url, "UPDATE clerk.clerk_sync_version SET version_num = '0002'")
    sql = host.migrate("--sql")
    assert "CREATE TABLE" not in sql
    assert "is_application_session" in sql
    run_psql(host.url, sql)
    assert host.migrate("--sql") == ""


def test_printed_sql_that_fails_changes_nothing(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    host = make_host(new_database())
    sql = host.migrate("--sql")
    host.migrate()
    run_statement(host.url, "UPDATE clerk.clerk_sync_version SET version_num = '9999'")
    done = subprocess.run([embedded_psql(), "-X", host.url], input=sql, check=False, capture_output=True, text=True)
    assert "already exists" in done.stderr
    assert run_statement(host.url, "SELECT version_num FROM clerk.clerk_sync_version") == [("9999",)]


def run_psql(url: str, sql: str) -> None:
    command = [embedded_psql(), "-X", "--quiet", "--set", "ON_ERROR_STOP=1", url]
    done = subprocess.run(command, input=sql, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def functions_in(url: str, schema: str) -> list[tuple[str, str]]:
    return run_statement(
        url,
        "SELECT proname::text, prosrc FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
        " WHERE nspname = %s ORDER BY 1",
        (schema,),
    )


def test_a_schema_that_may_not_be_created_is_named_with_the_statement_that_does(
    make_host: MakeHost, someone: tuple[str, str]
) -> None:
    owner_url, url = someone
    host = make_host(url, ODD)
    assert host.refuse() == (
        f"schema {ODD} does not exist, and the login may not create it (as the owner of the database: "
        'CREATE SCHEMA "Team ""A"" $$" AUTHORIZATION the login)'
    )
    # The owner may run what is printed.
    run_psql(owner_url, host.migrate("--sql"))
    assert tables_in(owner_url, ODD) == set(PRIVILEGES)


def test_a_schema_of_another_owner_is_named_with_the_grant(make_host: MakeHost, someone: tuple[str, str]) -> None:
    owner_url, url = someone
    run_statement(owner_url, "CREATE SCHEMA clerk")
    assert make_host(url).refuse() == (
        "missing privileges: CREATE on schema clerk "
        "(as the owner of the schema: GRANT USAGE, CREATE ON SCHEMA clerk TO the login)"
    )
    run_statement(owner_url, "GRANT USAGE, CREATE ON SCHEMA clerk TO someone")
    make_host(url).migrate()


def test_tables_of_another_owner_are_named(make_host: MakeHost, someone: tuple[str, str]) -> None:
    owner_url, url = someone
    make_host(owner_url).migrate()
    run_statement(owner_url, "UPDATE clerk.clerk_sync_version SET version_num = '0002'")
    run_statement(owner_url, "GRANT ALL ON SCHEMA clerk TO someone")
    run_statement(owner_url, "GRANT ALL ON ALL TABLES IN SCHEMA clerk TO someone")
    assert make_host(url).refuse().startswith("missing privileges: another login owns clerk.clerk_sync_version, clerk.")


@pytest.mark.parametrize("options", [(), ("--sql",)])
@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE users (id int)", "CREATE TABLE webhook_events (id int)"),
        (
            "CREATE TABLE users (id int)",
            "CREATE VIEW webhook_events AS SELECT 1",
            "CREATE TABLE alembic_version (version_num text)",
            "INSERT INTO alembic_version VALUES ('0010')",
        ),
    ],
)
def test_tables_of_another_application_are_not_touched(
    make_host: MakeHost, new_database: Callable[[], str], statements: tuple[str, ...], options: tuple[str, ...]
) -> None:
    host = make_host(new_database(), "public")
    for statement in statements:
        run_statement(host.url, statement)
    assert host.refuse(*options) == (
        "schema public has tables of another application: users, webhook_events "
        "(set CLERK_SYNC_SCHEMA to a schema of its own, such as clerk)"
    )
    assert functions_in(host.url, "public") == []


def test_a_newer_database_works_and_is_named(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    host = make_host(new_database())
    host.migrate()
    run_statement(host.url, "UPDATE clerk.clerk_sync_version SET version_num = '9999'")
    assert host.migrate() == (
        f"The mirror's tables in schema clerk are at 9999, newer than this release ({HEAD}), "
        "which works with them: migrations only add.\n"
    )
    assert host.migrate("--sql") == ""
    assert host.ready() == "at mirror 9999 in schema clerk"
    assert host.doctor()["verdict"] == "ok"
    assert "newer than this code" in host.doctor()["found"]


def test_a_changed_schema_is_named_by_every_command(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    before = make_host(new_database(), "public")
    before.migrate()
    host = make_host(before.url)
    fix = "set CLERK_SYNC_SCHEMA=public; or, for another mirror, run "
    assert host.refuse() == (
        f"the mirror is in schema public, but CLERK_SYNC_SCHEMA is clerk ({fix}CREATE SCHEMA clerk first)"
    )
    assert host.ready() == (
        "never run in schema clerk; the mirror is in schema public, expected "
        f"mirror {HEAD} in schema clerk: {fix}`flask sync-clerk migrate`"
    )
    assert (host.doctor()["verdict"], host.doctor()["mend"]) == ("wrong", f"{fix}`flask sync-clerk migrate`")
    synced = host.app.test_cli_runner().invoke(args=["sync-clerk", "replay", "--parked"])
    assert synced.exit_code == 1
    assert "never run in schema clerk; the mirror is in schema public" in synced.stderr
    # A second mirror, on purpose.
    run_statement(host.url, "CREATE SCHEMA clerk")
    host.migrate()
    assert host.ready() == f"at mirror {HEAD} in schema clerk"
    assert before.ready() == f"at mirror {HEAD}"


def test_our_shop_does_not_change_to_a_mirror_in_another_schema(
    settings: Settings, new_database: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    for url in (migrate(new_database()), load_previous_release(new_database())):
        run_statement(url, "CREATE SCHEMA clerk")
        app = create_app(changed(settings, database_url=url, schema="clerk"))
        done = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert done.exit_code == 1
        assert "the mirror is in schema public, but CLERK_SYNC_SCHEMA is clerk" in done.output + caplog.text
        assert tables_in(url, "clerk") == set()


def test_our_shop_works_with_a_mirror_in_its_own_schema(new_database: Callable[[], str]) -> None:
    url = new_database()
    environment = {**os.environ, "CLERK_SYNC_ENV": "test", "DATABASE_URL": url, "FLASK_SKIP_DOTENV": "1"}
    environment["CLERK_SYNC_SCHEMA"] = "Team :A"
    for arguments in (("db", "upgrade"), ("db", "check"), ("db", "current"), ("shop", "load-products")):
        ran = run_flask(environment, *arguments)
        assert ran.returncode == 0, ran.stderr
    assert tables_in(url, "Team :A") == set(PRIVILEGES)
    assert "orders" in tables_in(url, "public")
    assert not tables_in(url, "public") & set(PRIVILEGES)
    run_statement(url, "INSERT INTO \"Team :A\".users (clerk_id) VALUES ('user_1')")
    run_statement(url, "INSERT INTO addresses (user_id, line1, city, country) VALUES (1, 'x', 'y', 'IE')")
    run_statement(url, 'UPDATE "Team :A".users SET deleted_at = now()')
    assert run_statement(url, "SELECT count(*) FROM addresses") == [(0,)]


@pytest.mark.parametrize("options", [(), ("--sql",)])
def test_a_database_that_is_away_is_one_sentence(make_host: MakeHost, options: tuple[str, ...]) -> None:
    said = make_host("postgresql://u:hunter2@127.0.0.1:1/none").refuse(*options)
    assert said.startswith("the connection is refused: no server listens there (check that the server runs")


def test_a_read_only_database_is_one_sentence(make_host: MakeHost, someone: tuple[str, str]) -> None:
    owner_url, url = someone
    run_statement(owner_url, "GRANT CREATE ON DATABASE of_someone TO someone")
    run_statement(owner_url, "ALTER DATABASE of_someone SET default_transaction_read_only = on")
    assert make_host(url).refuse().startswith("read-only: default_transaction_read_only is on for this database")


def test_a_version_table_without_a_row_is_one_sentence(make_host: MakeHost, new_database: Callable[[], str]) -> None:
    host = make_host(new_database())
    host.migrate()
    run_statement(host.url, "DELETE FROM clerk.clerk_sync_version")
    assert host.refuse().startswith("clerk.clerk_sync_version has no row (restore it from a backup")


def test_its_session_has_a_name_and_is_not_the_applications(
    make_host: MakeHost, new_database: Callable[[], str]
) -> None:
    host = make_host(new_database())
    run_statement(host.url, "CREATE TABLE seen (name text)")
    run_statement(
        host.url,
        "CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO public.seen VALUES (current_setting('application_name')); END $$",
    )
    run_statement(host.url, "CREATE EVENT TRIGGER see ON ddl_command_end EXECUTE FUNCTION see()")
    host.migrate()
    assert run_statement(host.url, "SELECT DISTINCT name FROM seen") == [(MIGRATE_NAME,)]
    ask = "SELECT clerk.is_application_session() FROM set_config('application_name', %s, false)"
    assert run_statement(host.url, ask, (MIGRATE_NAME,)) == [(False,)]
