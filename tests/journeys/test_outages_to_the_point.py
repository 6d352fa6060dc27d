"""Outages at one exact point of a delivery: a lock in the database stops the worker there until it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
import pytest

from tests.journeys.ledger import assert_nothing_lost, outcomes
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.servers import Servers, start_servers, wait_for


@pytest.fixture(scope="module")
def kept_servers(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    url = postgres.create_database("journey_to_the_point", template="migrated")
    with start_servers(url, tmp_path_factory.mktemp("logs"), workers=1, senders=8) as opened:
        yield opened


@pytest.fixture
def servers(kept_servers: Servers) -> Servers:
    """The module's servers. All work at the beginning of each test."""
    if not kept_servers.service.is_running:
        start_again(kept_servers)
    return kept_servers


def start_again(servers: Servers) -> None:
    servers.service.start()
    servers.service.wait_until_ready()
    servers.clerk.webhook_sender.resume()


@contextmanager
def held(servers: Servers, lock: str) -> Iterator[None]:
    """Hold ``lock`` in another transaction."""
    connection = psycopg2.connect(servers.database_url, application_name="psql")
    try:
        with connection.cursor() as cursor:
            cursor.execute(lock)
        yield
    finally:
        connection.close()


def wait_until_waiting(servers: Servers, wait_event: str) -> Any:
    """Wait until a session of the service waits for ``wait_event``; return a row with its process id."""
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE wait_event = %s AND application_name LIKE 'clerk_sync%%' AND datname = current_database()"""
    return wait_for(lambda: servers.query(waiting, wait_event), f"a session that waits for {wait_event}")


def test_a_worker_killed_between_the_effect_and_the_inbox_leaves_both_or_neither(servers: Servers) -> None:
    effect = "SELECT 1 FROM users WHERE first_name = 'Half'"
    entry = "SELECT 1 FROM webhook_events JOIN users USING (clerk_id) WHERE first_name = 'Half'"
    with held(servers, "LOCK TABLE webhook_events"):
        servers.clerk.users.create(first_name="Half")
        ((backend,),) = wait_until_waiting(servers, "relation")
        servers.clerk.webhook_sender.pause()
        servers.service.kill()
        assert servers.query(effect) == []
    # The session lives for a moment after its client ended. It gets the lock, and may still commit.
    gone = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)"
    wait_for(lambda: servers.query(gone, backend), "the end of the worker's session")
    assert servers.query(effect) == servers.query(entry)
    start_again(servers)
    assert_nothing_lost(servers)


def test_the_retry_is_a_duplicate_if_the_worker_is_killed_between_commit_and_response(
    postgres: PostgresServer, servers: Servers
) -> None:
    with every_commit_waiting(postgres):
        user = servers.clerk.users.create(first_name="Once")
        wait_until_waiting(servers, "SyncRep")
        servers.clerk.webhook_sender.pause()
        servers.service.kill()
    start_again(servers)
    assert_nothing_lost(servers)
    mine = [each for each in servers.clerk.webhook_sender.deliveries if user["id"].encode() in each.body]
    assert [each.status for each in mine] == [None, 200]
    assert mine[-1].answer == '{"outcome":"duplicate"}'
    assert servers.query("SELECT outcome, deliveries FROM webhook_events WHERE clerk_id = %s", user["id"]) == [
        ("applied", 2)
    ]


@contextmanager
def every_commit_waiting(postgres: PostgresServer) -> Iterator[None]:
    """Require a synchronous standby that does not exist: commits are durable, and their sessions wait for it."""
    commit = "SELECT pg_logical_emit_message(true, 'nobody', 'hears this')"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    def one_waits() -> bool:
        # The server needs a moment to apply the setting. Earlier commits do not wait.
        if not commits or commits[-1].done():
            commits.append(pool.submit(run_statement, postgres.url(), commit))
        return bool(run_statement(postgres.url(), waiting))

    commits: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:
        postgres.reload(synchronous_standby_names="nobody")
        try:
            wait_for(one_waits, "a commit that waits")
            yield
        finally:
            postgres.reload(synchronous_standby_names="")


def test_a_database_session_killed_between_two_of_its_results_is_answered_503(
    postgres: PostgresServer, servers: Servers
) -> None:
    # A notice makes the server flush its first results, and the driver then raises another error.
    servers.query("""
        CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE WARNING 'so far'; PERFORM pg_advisory_xact_lock(1); RETURN NEW;
        END $$;
        CREATE TRIGGER stop_here BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stop_here()""")
    with held(servers, "SELECT pg_advisory_xact_lock(1)"):
        servers.clerk.users.create(first_name="Cut off")
        ((backend,),) = wait_until_waiting(servers, "advisory")
        os.kill(backend, signal.SIGKILL)
        wait_for(lambda: outcomes(servers)[503] > 0, "a delivery refused")
        servers.clerk.webhook_sender.pause()
    wait_for(lambda: is_up(postgres), "the server after its recovery")
    servers.query("DROP TRIGGER stop_here ON users")
    servers.clerk.webhook_sender.resume()
    assert_nothing_lost(servers)


def is_up(postgres: PostgresServer) -> bool:
    with suppress(psycopg2.OperationalError):
        return bool(run_statement(postgres.url(), "SELECT 1"))
    return False


@pytest.mark.parametrize(
    "lock",
    [
        "LOCK TABLE users",
        "LOCK TABLE webhook_events",
        "LOCK TABLE mirror_binding",
        "SELECT 1 FROM users FOR UPDATE",
    ],
)
def test_a_lock_of_another_session_is_answered_503_in_time_and_the_retry_completes(servers: Servers, lock: str) -> None:
    user = servers.clerk.users.create(first_name="Before")
    servers.clerk.webhook_sender.wait_idle(30)
    refused = outcomes(servers)[503]
    with held(servers, lock):
        servers.clerk.users.update(user["id"], first_name="After", at_ms=user["updated_at"] + 1)
        wait_for(lambda: outcomes(servers)[503] > refused, "a delivery refused")
    assert_nothing_lost(servers)


def test_a_first_request_that_waits_for_a_lock_is_answered_503_in_time(servers: Servers) -> None:
    with held(servers, "LOCK TABLE users"):
        answer = servers.call("GET", "/api/me", "user_waits")
    assert (answer.status_code, answer.elapsed.total_seconds() < 10) == (503, True)
    assert servers.call("GET", "/api/me", "user_waits").status_code == 200
    servers.query("DELETE FROM users WHERE clerk_id = 'user_waits'")


def test_a_database_server_with_no_connection_left_is_answered_503_and_the_retry_completes(servers: Servers) -> None:
    servers.service.kill()  # else the service would use its open connections
    with every_connection_taken(servers):
        servers.service.start()
        servers.service.wait_until_ready("/healthz")
        refused = outcomes(servers)[503]
        servers.clerk.users.create(first_name="Crowded out")
        wait_for(lambda: outcomes(servers)[503] > refused, "a delivery refused")
    assert_nothing_lost(servers)


@contextmanager
def every_connection_taken(servers: Servers) -> Iterator[None]:
    connections = []
    try:
        with suppress(psycopg2.OperationalError):  # "sorry, too many clients already"
            while True:
                connections.append(psycopg2.connect(servers.database_url))
        yield
    finally:
        for connection in connections:
            connection.close()
