"""``flask db`` on a database that it cannot use: one sentence that names the fix, exit 1, and nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest

from clerk_sync.app import create_app
from clerk_sync.settings.settings import Settings
from tests.stage.migrations import load_previous_release, migrate
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import run_flask
from tests.stage.wrong_databases import create_in, login

Prepare = Callable[[PostgresServer, str], str]

AWAY = "postgresql://u:hunter2@127.0.0.1:1/none"


def the_login_of(url: str, name: str) -> str:
    return urlsplit(url)._replace(netloc=f"{name}@").geturl()


def without_create(postgres: PostgresServer, name: str) -> str:
    return the_login_of(postgres.create_database("db_without_create"), name)


def without_usage(postgres: PostgresServer, name: str) -> str:
    url = postgres.create_database("db_without_usage")
    run_statement(url, "REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    return the_login_of(url, name)


def without_a_schema(postgres: PostgresServer, name: str) -> str:
    url = postgres.create_database("db_without_a_schema")
    run_statement(url, "DROP SCHEMA public")
    return the_login_of(url, name)


def read_only(postgres: PostgresServer, name: str) -> str:
    url = postgres.create_database("db_read_only")
    run_statement(url, "ALTER DATABASE db_read_only SET default_transaction_read_only = on")
    return url


def of_another_owner(postgres: PostgresServer, name: str) -> str:
    """The tables of the previous release. The login has all privileges but is not their owner."""
    url = load_previous_release(postgres.create_database("db_of_another_owner"))
    run_statement(url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    run_statement(url, f"GRANT ALL ON SCHEMA public TO {name}")
    return the_login_of(url, name)


def unreadable(postgres: PostgresServer, name: str) -> str:
    url = postgres.create_database("db_unreadable", template="migrated")
    return the_login_of(url, name)


def not_utf8(postgres: PostgresServer, name: str) -> str:
    return create_in(postgres, "LATIN1")


def missing(postgres: PostgresServer, name: str) -> str:
    return postgres.url("db_missing")


def away(postgres: PostgresServer, name: str) -> str:
    return AWAY


def emptied(postgres: PostgresServer, name: str) -> str:
    """Tables without a row in alembic_version."""
    url = postgres.create_database("db_emptied", template="migrated")
    run_statement(url, "DELETE FROM alembic_version")
    return url


def torn(postgres: PostgresServer, name: str) -> str:
    """A row in alembic_version, but no tables."""
    url = migrate(postgres.create_database("db_torn"), "0010")
    run_statement(url, "DROP TABLE users CASCADE")
    return url


def too_old(postgres: PostgresServer, name: str) -> str:
    """The tables of a release before the previous one."""
    url = load_previous_release(postgres.create_database("db_too_old"))
    run_statement(url, "UPDATE alembic_version SET version_num = '0009'")
    return url


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (without_create, "missing privileges: CREATE on schema public"),
        (without_usage, "GRANT USAGE, CREATE ON SCHEMA public TO the login"),
        (without_a_schema, "CREATE SCHEMA public AUTHORIZATION the login"),
        (read_only, "ALTER DATABASE … RESET default_transaction_read_only"),
        (of_another_owner, "another login owns addresses, alembic_version"),
        (unreadable, "migrate with the DATABASE_URL of that login"),
        (not_utf8, "createdb -E UTF8 -T template0"),
        (missing, "it answers, but has no such database or login"),
        (away, "the connection is refused: no server listens there (check that the server runs, and "),
        (emptied, "its tables do not match alembic_version"),
        (torn, "its tables do not match alembic_version"),
        (too_old, "its tables are older than revision 0010 of the previous history"),
    ],
)
def test_an_upgrade_that_cannot_be_done_ends_with_one_sentence_and_1(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture, prepare: Prepare, says: str
) -> None:
    with login(postgres) as someone:
        url = prepare(postgres, someone.login)
        before = tables(url)
        said = refusal(caplog, url, "upgrade")
        database = urlsplit(url).path.strip("/")
        assert says in said
        assert not [secret for secret in ("hunter2", someone.login, database) if secret in said]
        assert tables(url) == before
        if prepare not in (away, missing):
            run_statement(postgres.url(), f"DROP DATABASE {database} WITH (FORCE)")


@pytest.mark.parametrize("command", ["current", "downgrade", "stamp", "check", "migrate", "revision --autogenerate"])
def test_every_other_command_with_a_database_does_the_same(caplog: pytest.LogCaptureFixture, command: str) -> None:
    assert "no server listens there" in refusal(caplog, AWAY, *command.split())


def refusal(caplog: pytest.LogCaptureFixture, url: str, *arguments: str) -> str:
    """Run ``flask db`` and return its one sentence, which Flask-Migrate writes to the log, and ``flask`` to stderr."""
    app = create_app(Settings(env="test", database_url=url))
    done = app.test_cli_runner().invoke(args=["db", *arguments])
    assert isinstance(done.exception, SystemExit)
    (said,) = [record.getMessage() for record in caplog.records if record.name == "flask_migrate"]
    assert (done.exit_code, done.output.removesuffix(f"{said}\n")) == (1, "")
    assert said.startswith("Error: `flask db` cannot use the database: ")
    assert "\n" not in said
    return said


def test_a_release_phase_without_a_database_writes_only_this_to_stderr() -> None:
    environment = {**os.environ, "CLERK_SYNC_ENV": "test", "DATABASE_URL": AWAY, "FLASK_SKIP_DOTENV": "1"}
    ran = run_flask(environment, "db", "upgrade")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        "Error: `flask db` cannot use the database: the connection is refused: no server listens there "
        "(check that the server runs, and that DATABASE_URL is right). Nothing was changed; "
        "run `flask sync-clerk doctor` for details.\n"
    )


def tables(url: str) -> list[str]:
    try:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT oid::text || relname FROM pg_class ORDER BY 1")
            return [name for (name,) in cursor.fetchall()]
    except psycopg2.OperationalError:
        return []
