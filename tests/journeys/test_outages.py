"""Outages: the database stopped and killed, workers and servers killed, all under load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types
import pytest
import requests

from clerk_sync.emulator.webhooks.schedule import Schedule
from tests.journeys.ledger import assert_nothing_lost, outcomes
from tests.stage.postgres import PostgresServer
from tests.stage.servers import Servers, start_servers, wait_for
from tests.stage.service import Service

RETRY_S = 0.2


class FastRetries(Schedule):
    """Retries soon and without limit, because an outage has no fixed length and tests should not wait after it."""

    def next_delay_s(self, attempts: int, **_: object) -> float:
        return RETRY_S


@pytest.fixture(scope="module")
def servers(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    url = postgres.create_database("journey_outages", template="migrated")
    with start_servers(url, tmp_path_factory.mktemp("logs")) as opened:
        opened.clerk.webhook_sender.schedule = FastRetries()
        yield opened


@pytest.fixture
def two_servers(killable_database: str, tmp_path: Path) -> Iterator[Servers]:
    with start_servers(killable_database, tmp_path, servers=2, workers=1) as opened:
        opened.clerk.webhook_sender.schedule = FastRetries()
        yield opened


@contextmanager
def load(servers: Servers) -> Iterator[Callable[[int], None]]:
    """Let users sign up and change continuously. Yield a function that waits until more deliveries were accepted."""
    stopped = Event()

    def sign_up() -> None:
        number = 0
        while not stopped.wait(0.02):
            number += 1
            user = servers.clerk.users.create(first_name=f"Created {number}")
            # One millisecond later: events cannot show which of two versions with one time is the last.
            servers.clerk.users.update(user["id"], first_name=f"Changed {number}", at_ms=user["updated_at"] + 1)

    def taken() -> int:
        return outcomes(servers)[200]

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
def test_a_database_outage_under_load_loses_no_accepted_delivery(
    postgres: PostgresServer, servers: Servers, end: Callable[[PostgresServer], None]
) -> None:
    with load(servers) as wait_for_more:
        end(postgres)
        try:
            refused = outcomes(servers)[503]
            wait_for(lambda: outcomes(servers)[503] > refused + 20, "deliveries refused")
            assert_the_service_says_so(servers)
        finally:
            postgres.start()
        wait_for_more(20)
    assert_nothing_lost(servers)
    servers.service.wait_until_ready()


def assert_the_service_says_so(servers: Servers) -> None:
    assert requests.get(f"{servers.service.url}/healthz", timeout=10).status_code == 200
    readiness = requests.get(f"{servers.service.url}/readyz", timeout=10)
    assert (readiness.status_code, readiness.json()["database"]["ok"]) == (503, False)
    for path in ("/api/me", "/api/cart", "/api/orders", "/api/products"):
        answer = servers.call("GET", path, "user_waits")
        assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable"), path
        assert int(answer.headers["Retry-After"]) > 0
    assert servers.call("GET", "/api/session", "user_waits").status_code == 200


def test_a_killed_worker_loses_no_accepted_delivery(servers: Servers) -> None:
    with load(servers) as wait_for_more:
        killed = servers.service.kill_worker()
        # The server either replaces its worker or ends. If it ends, the platform starts it again.
        wait_for(lambda: has_replaced_or_ended(servers.service, killed), "a new worker, or the end of the server")
        if not servers.service.is_running:
            servers.service.start()
        wait_for_more(20)
    assert_nothing_lost(servers)


def has_replaced_or_ended(service: Service, killed: int) -> bool:
    if not service.is_running:
        return True
    with suppress(psutil.Error):  # a process ended meanwhile
        return killed not in service.workers and len(service.workers) == 2
    return False


def test_a_killed_server_loses_no_accepted_delivery(servers: Servers) -> None:
    with load(servers) as wait_for_more:
        unanswered = outcomes(servers)[None]
        servers.service.kill()
        wait_for(lambda: outcomes(servers)[None] > unanswered, "deliveries that nobody answered")
        servers.service.start()
        wait_for_more(20)
    assert_nothing_lost(servers)


def test_two_servers_on_one_database_accept_duplicated_and_reordered_deliveries(two_servers: Servers) -> None:
    servers = two_servers
    servers.clerk.faults.double("user.*", times=None, probability=0.5)
    servers.clerk.faults.shuffle(8)
    with load(servers) as wait_for_more:
        servers.services[0].kill()
        wait_for_more(50)
        servers.services[0].start()
        servers.services[0].wait_until_ready()
        wait_for_more(50)
    assert_nothing_lost(servers)
    assert {delivery.url for delivery in servers.clerk.webhook_sender.deliveries if delivery.succeeded} == {
        service.webhook_url for service in servers.services
    }
