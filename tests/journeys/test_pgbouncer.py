"""PgBouncer in transaction mode: clients share sessions, and nothing may depend on session state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from clerk_sync.db.connect import APPLICATION_NAME
from tests.journeys.traffic import drive_everything
from tests.stage.pgbouncer import PROGRAM, PgBouncer
from tests.stage.postgres import PostgresServer
from tests.stage.servers import Servers, start_servers

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (Debian: apt-get install pgbouncer)"),
]

PROMOTE = "UPDATE users SET role = 'ADMIN' WHERE clerk_id = 'user_grace'"


@pytest.fixture
def bouncer(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgBouncer]:
    """A pooler with one server session for each database, shared by all clients."""
    import tempfile

    with (
        tempfile.TemporaryDirectory(prefix="clerk_sync_bouncer_") as directory,
        PgBouncer(postgres.socket_directory, Path(directory), pool_size=1, roles=("postgres",)) as started,
    ):
        yield started


def database_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def test_all_traffic_works_through_one_shared_session(
    bouncer: PgBouncer, killable_database: str, tmp_path: Path
) -> None:
    url = bouncer.url(database_of(killable_database))
    with start_servers(url, tmp_path, workers=1) as servers:
        drive_everything(servers, killable_database)


def test_time_limits_hold_and_stay_with_their_transaction(
    bouncer: PgBouncer, killable_database: str, tmp_path: Path
) -> None:
    database = database_of(killable_database)
    with start_servers(bouncer.url(database), tmp_path, workers=1) as servers:
        refuse_while_locked(servers, killable_database)
        assert servers.query("SHOW lock_timeout") == [("0",)]
        assert servers.query("SHOW statement_timeout") == [("0",)]


def test_no_page_of_orders_is_prepared_in_a_shared_session(
    bouncer: PgBouncer, killable_database: str, tmp_path: Path
) -> None:
    with start_servers(bouncer.url(database_of(killable_database)), tmp_path, workers=1) as servers:
        for _ in range(2):
            assert servers.call("GET", "/api/orders", "user_reads").status_code == 200
        assert servers.query("SELECT name FROM pg_prepared_statements") == []


def refuse_while_locked(servers: Servers, direct_url: str) -> None:
    with closing(psycopg2.connect(direct_url, application_name="psql")) as holder:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE users")
        answer = servers.call("GET", "/api/me", "user_waits")
    assert (answer.status_code, answer.elapsed.total_seconds() < 10) == (503, True)


def test_the_role_guard_follows_the_client_not_the_server_session(bouncer: PgBouncer, killable_database: str) -> None:
    url = bouncer.url(database_of(killable_database))
    with (
        closing(psycopg2.connect(url, application_name=APPLICATION_NAME)) as application,
        closing(psycopg2.connect(url, application_name="psql")) as person,
    ):
        application.autocommit = person.autocommit = True
        with application.cursor() as ours, person.cursor() as theirs:
            ours.execute("INSERT INTO users (clerk_id) VALUES ('user_grace')")
            ours.execute("SELECT pg_backend_pid()")
            theirs.execute("SELECT pg_backend_pid()")
            assert ours.fetchone() == theirs.fetchone()
            with pytest.raises(InsufficientPrivilege, match="the application may not"):
                ours.execute(PROMOTE)
            theirs.execute(PROMOTE)
            with pytest.raises(InsufficientPrivilege, match="the application may not"):
                ours.execute("UPDATE users SET role = 'CLIENT'")
            theirs.execute("SELECT role, (SELECT application_name FROM role_changes) FROM users")
            ((role, name),) = theirs.fetchall()
        with closing(psycopg2.connect(url)) as nameless, nameless.cursor() as cursor:
            cursor.execute("SHOW application_name")
            assert str(cursor.fetchone()).startswith("('app - 127.0.0.1:")
            with pytest.raises(InsufficientPrivilege, match="the application may not"):
                cursor.execute("UPDATE users SET role = 'CLIENT'")
    assert role == "ADMIN"
    assert name.startswith("psql - 127.0.0.1:")
