"""Outages: the database stopped and killed, workers and servers killed, all under load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import requests

from clerk_sync.emulator.webhooks.schedule import Schedule
from tests.journeys.ledger import assert_nothing_lost, outcomes
from tests.stage.postgres import PostgresServer
from tests.stage.servers import House, open_house, wait_for

RETRY_S = 0.2


class SoonAgain(Schedule):
    """Tries again soon and for ever: an outage lasts as long as it lasts, and what is over need not be waited for."""

    def next_delay_s(self, attempts: int, **_: object) -> float:
        return RETRY_S


@pytest.fixture(scope="module")
def house(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    url = postgres.create_database("journey_outages", template="migrated")
    with open_house(url, tmp_path_factory.mktemp("logs")) as opened:
        opened.clerk.webhook_sender.schedule = SoonAgain()
        yield opened


@pytest.fixture
def two_servers(doomed_database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(doomed_database, tmp_path, servers=2, workers=1) as opened:
        opened.clerk.webhook_sender.schedule = SoonAgain()
        yield opened


@contextmanager
def load(house: House) -> Iterator[Callable[[int], None]]:
    """Let users sign up and change all the time; gives a way to wait until so many more deliveries were taken."""
    stopped = Event()

    def sign_up() -> None:
        number = 0
        while not stopped.wait(0.004):
            number += 1
            user = house.clerk.users.create(first_name=f"Created {number}")
            # A millisecond later: events alone cannot tell which of two versions with one time was the last.
            house.clerk.users.update(user["id"], first_name=f"Changed {number}", at_ms=user["updated_at"] + 1)

    def taken() -> int:
        return outcomes(house)[200]

    def wait_for_more(count: int) -> None:
        goal = taken() + count
        wait_for(lambda: taken() >= goal, f"{count} more deliveries taken")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(sign_up)
        try:
            wait_for_more(20)
            yield wait_for_more
        finally:
            stopped.set()


def stop_politely(postgres: PostgresServer) -> None:
    postgres.stop("fast")


def break_off(postgres: PostgresServer) -> None:
    postgres.stop("immediate")


def kill(postgres: PostgresServer) -> None:
    postgres.kill()


@pytest.mark.parametrize("end", [stop_politely, break_off, kill])
def test_a_database_that_goes_away_under_load_costs_nothing_that_was_taken(
    postgres: PostgresServer, house: House, end: Callable[[PostgresServer], None]
) -> None:
    with load(house) as wait_for_more:
        end(postgres)
        try:
            refused = outcomes(house)[503]
            wait_for(lambda: outcomes(house)[503] > refused + 20, "deliveries refused")
            assert_the_service_says_so(house)
        finally:
            postgres.start()
        wait_for_more(20)
    assert_nothing_lost(house)
    house.service.wait_until_ready()


def assert_the_service_says_so(house: House) -> None:
    assert requests.get(f"{house.service.url}/healthz", timeout=10).status_code == 200
    readiness = requests.get(f"{house.service.url}/readyz", timeout=10)
    assert (readiness.status_code, readiness.json()["database"]["ok"]) == (503, False)
    for path in ("/api/me", "/api/cart", "/api/orders", "/api/products"):
        answer = house.call("GET", path, "user_waits")
        assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable"), path
        assert int(answer.headers["Retry-After"]) > 0
    assert house.call("GET", "/api/session", "user_waits").status_code == 200


def test_a_killed_worker_costs_nothing_that_was_taken(house: House) -> None:
    with load(house) as wait_for_more:
        house.service.kill_worker()
        # The server either replaces its worker or ends as a whole; then its platform starts it again.
        start_again_where_it_ended(house)
        wait_for_more(20)
    assert_nothing_lost(house)


def start_again_where_it_ended(house: House) -> None:
    from subprocess import TimeoutExpired

    try:
        house.service.wait_until_ended(5)
    except TimeoutExpired:
        return
    house.service.start()


def test_a_killed_server_costs_nothing_that_was_taken(house: House) -> None:
    with load(house) as wait_for_more:
        unanswered = outcomes(house)[None]
        house.service.kill()
        wait_for(lambda: outcomes(house)[None] > unanswered, "deliveries that nobody answered")
        house.service.start()
        wait_for_more(20)
    assert_nothing_lost(house)


def test_two_servers_on_one_database_take_what_is_doubled_and_shuffled(two_servers: House) -> None:
    house = two_servers
    house.clerk.faults.double("user.*", times=None, probability=0.5)
    house.clerk.faults.shuffle(8)
    with load(house) as wait_for_more:
        house.services[0].kill()
        wait_for_more(50)
        house.services[0].start()
        house.services[0].wait_until_ready()
        wait_for_more(50)
    assert_nothing_lost(house)
    assert {delivery.url for delivery in house.clerk.webhook_sender.deliveries if delivery.succeeded} == {
        service.webhook_url for service in house.services
    }
