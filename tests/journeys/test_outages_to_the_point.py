"""Outages at one exact point of a delivery: the database holds the worker there until it is killed."""

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
from tests.stage.servers import House, open_house, wait_for


@pytest.fixture(scope="module")
def kept_house(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    url = postgres.create_database("journey_to_the_point", template="migrated")
    with open_house(url, tmp_path_factory.mktemp("logs"), workers=1, senders=8) as opened:
        yield opened


@pytest.fixture
def house(kept_house: House) -> House:
    """The module's house, as it has to be before each test."""
    if not kept_house.service.is_running:
        start_again(kept_house)
    return kept_house


def start_again(house: House) -> None:
    house.service.start()
    house.service.wait_until_ready()
    house.clerk.webhook_sender.resume()


@contextmanager
def held(house: House, lock: str) -> Iterator[None]:
    """Let somebody else hold ``lock``, in a transaction of theirs."""
    connection = psycopg2.connect(house.database_url, application_name="psql")
    try:
        with connection.cursor() as cursor:
            cursor.execute(lock)
        yield
    finally:
        connection.close()


def wait_until_waiting(house: House, wait_event: str) -> Any:
    """Wait until one of the service's sessions waits for ``wait_event``; return its process id, in a row."""
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE wait_event = %s AND application_name LIKE 'clerk_sync%%' AND datname = current_database()"""
    return wait_for(lambda: house.query(waiting, wait_event), f"a session that waits for {wait_event}")


def test_a_worker_killed_between_the_effect_and_the_inbox_leaves_both_or_neither(house: House) -> None:
    effect = "SELECT 1 FROM users WHERE first_name = 'Half'"
    entry = "SELECT 1 FROM webhook_events JOIN users USING (clerk_id) WHERE first_name = 'Half'"
    with held(house, "LOCK TABLE webhook_events"):
        house.clerk.users.create(first_name="Half")
        ((backend,),) = wait_until_waiting(house, "relation")
        house.clerk.webhook_sender.pause()
        house.service.kill()
        assert house.query(effect) == []
    # The session outlives its client for a moment, gets the lock, and may still commit.
    gone = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)"
    wait_for(lambda: house.query(gone, backend), "the end of the worker's session")
    assert house.query(effect) == house.query(entry)
    start_again(house)
    assert_nothing_lost(house)


def test_a_worker_killed_between_commit_and_answer_has_taken_the_delivery_and_its_retry_is_a_duplicate(
    postgres: PostgresServer, house: House
) -> None:
    with every_commit_waiting(postgres):
        user = house.clerk.users.create(first_name="Once")
        wait_until_waiting(house, "SyncRep")
        house.clerk.webhook_sender.pause()
        house.service.kill()
    start_again(house)
    assert_nothing_lost(house)
    mine = [each for each in house.clerk.webhook_sender.deliveries if user["id"].encode() in each.body]
    assert [each.status for each in mine] == [None, 200]
    assert mine[-1].answer == '{"outcome":"duplicate"}'
    assert house.query("SELECT outcome, deliveries FROM webhook_events WHERE clerk_id = %s", user["id"]) == [
        ("applied", 2)
    ]


@contextmanager
def every_commit_waiting(postgres: PostgresServer) -> Iterator[None]:
    """Let there be a standby that never comes: commits are durable, and their sessions wait to hear of it."""
    commit = "SELECT pg_logical_emit_message(true, 'nobody', 'hears this')"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    def one_waits() -> bool:
        # The server takes a moment to heed its new setting; what commits before is not held.
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
    postgres: PostgresServer, house: House
) -> None:
    # A notice makes the server send what it has so far, and the driver then sees another error than otherwise.
    house.query("""
        CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE WARNING 'so far'; PERFORM pg_advisory_xact_lock(1); RETURN NEW;
        END $$;
        CREATE TRIGGER stop_here BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stop_here()""")
    with held(house, "SELECT pg_advisory_xact_lock(1)"):
        house.clerk.users.create(first_name="Cut off")
        ((backend,),) = wait_until_waiting(house, "advisory")
        os.kill(backend, signal.SIGKILL)
        wait_for(lambda: outcomes(house)[503] > 0, "a delivery refused")
        house.clerk.webhook_sender.pause()
    wait_for(lambda: is_up(postgres), "the server after its recovery")
    house.query("DROP TRIGGER stop_here ON users")
    house.clerk.webhook_sender.resume()
    assert_nothing_lost(house)


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
def test_a_lock_of_somebody_elses_is_answered_503_in_time_and_the_retry_completes(house: House, lock: str) -> None:
    user = house.clerk.users.create(first_name="Before")
    house.clerk.webhook_sender.wait_idle(30)
    refused = outcomes(house)[503]
    with held(house, lock):
        house.clerk.users.update(user["id"], first_name="After", at_ms=user["updated_at"] + 1)
        wait_for(lambda: outcomes(house)[503] > refused, "a delivery refused")
    assert_nothing_lost(house)


def test_a_first_request_that_waits_for_a_lock_is_answered_503_in_time(house: House) -> None:
    with held(house, "LOCK TABLE users"):
        answer = house.call("GET", "/api/me", "user_waits")
    assert (answer.status_code, answer.elapsed.total_seconds() < 10) == (503, True)
    assert house.call("GET", "/api/me", "user_waits").status_code == 200
    house.query("DELETE FROM users WHERE clerk_id = 'user_waits'")


def test_a_database_server_with_no_connection_left_is_answered_503_and_the_retry_completes(house: House) -> None:
    house.service.kill()  # connections that it has already would go on serving
    with every_connection_taken(house):
        house.service.start()
        house.service.wait_until_ready("/healthz")
        refused = outcomes(house)[503]
        house.clerk.users.create(first_name="Crowded out")
        wait_for(lambda: outcomes(house)[503] > refused, "a delivery refused")
    assert_nothing_lost(house)


@contextmanager
def every_connection_taken(house: House) -> Iterator[None]:
    connections = []
    try:
        with suppress(psycopg2.OperationalError):  # "sorry, too many clients already"
            while True:
                connections.append(psycopg2.connect(house.database_url))
        yield
    finally:
        for connection in connections:
            connection.close()
