"""SIGTERM, as platforms send it: whoever was let in is served, whoever is not is refused, and the end comes soon."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types
import psycopg2
import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import REFUSED, Load, mixed_traffic
from tests.stage.imports import ImportWatch
from tests.stage.servers import wait_for
from tests.stage.service import Service, environment_for

# Heroku's patience before SIGKILL is 30 s; nothing here has a reason to take a quarter of it.
SOON_S = 8


@pytest.fixture
def service(clerk: LocalClerk, migrated: str, tmp_path: Path) -> Iterator[Service]:
    log = tmp_path / "service.log"
    with Service(environment_for(clerk, migrated), log) as started:
        # Each worker has to serve requests.
        wait_for(lambda: log.read_text().count("Started worker-") == 2, "both workers")
        yield started


def server_of(service: Service) -> int:
    return int(psutil.Process(service.workers[0]).ppid())


def tell_the_server(service: Service) -> None:
    """As a service manager does."""
    os.kill(server_of(service), signal.SIGTERM)


def tell_every_process(service: Service) -> None:
    """As Heroku does: each process of the dyno gets the signal, the workers too."""
    os.killpg(server_of(service), signal.SIGTERM)


def tell_everybody_again_and_again(service: Service) -> None:
    """As Heroku may do."""
    group = server_of(service)
    for _ in range(5):
        os.killpg(group, signal.SIGTERM)
        time.sleep(0.05)  # signals that follow at once are one signal


def tell_one_worker(service: Service) -> None:
    """As nobody should do; a server whose worker leaves ends as a whole."""
    os.kill(service.workers[0], signal.SIGTERM)


EVERY_WAY = [tell_the_server, tell_every_process, tell_everybody_again_and_again, tell_one_worker]


def test_a_worker_that_is_still_loading_ends_soon(clerk: LocalClerk, migrated: str, tmp_path: Path) -> None:
    slow = ImportWatch(tmp_path, delays_s={"clerk_sync.app": 3}).environment
    service = Service(environment_for(clerk, migrated) | slow, tmp_path / "service.log")
    service.start()
    try:
        wait_for(lambda: len(service.workers) == 2, "both workers")
        time.sleep(1)  # they have begun to load
        tell_the_server(service)
        service.wait_until_ended(SOON_S)
    finally:
        service.stop()


@pytest.mark.parametrize("terminate", EVERY_WAY)
def test_no_request_is_lost_under_load(
    service: Service, clerk: LocalClerk, terminate: Callable[[Service], None]
) -> None:
    with Load(service.url, mixed_traffic(clerk)) as load:
        load.wait_for_more(200)
        terminate(service)
        service.wait_until_ended(SOON_S)
        wait_for(lambda: load.outcomes[REFUSED], "refused connections")
    assert set(load.outcomes) == {200, REFUSED}


@pytest.mark.parametrize("terminate", [tell_the_server, tell_everybody_again_and_again])
def test_requests_in_flight_are_finished(
    service: Service, clerk: LocalClerk, migrated: str, terminate: Callable[[Service], None]
) -> None:
    bearers = [{"Authorization": f"Bearer {clerk.session_token(f'user_{number}')}"} for number in range(8)]
    with ExitStack() as stack:
        holder = stack.enter_context(closing(psycopg2.connect(migrated, application_name="psql")))
        pool = stack.enter_context(ThreadPoolExecutor(len(bearers)))
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE users")
            asked = [
                pool.submit(requests.get, f"{service.url}/api/me", headers=bearer, timeout=30) for bearer in bearers
            ]
            wait_until_they_wait(migrated)
            terminate(service)
            wait_for(lambda: is_refused(service.port), "refused connections")
        holder.rollback()
        assert {answer.result().status_code for answer in asked} == {200}
    service.wait_until_ended(SOON_S)


def wait_until_they_wait(database_url: str) -> None:
    with closing(psycopg2.connect(database_url, application_name="psql")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:

            def are_waiting() -> bool:
                # Both workers have requests that wait, whichever the kernel gave how many.
                cursor.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                return cursor.rowcount >= 4

            wait_for(are_waiting, "requests that wait for the lock")


def is_refused(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(3)
        try:
            connection.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
        return False


def test_whoever_is_in_but_has_not_spoken_yet_is_served(service: Service) -> None:
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10)) for _ in range(40)
        ]
        tell_every_process(service)
        wait_for(lambda: is_shut(service.port), "a shut door")
        for connection in connections:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        answers = [connection.recv(65536) for connection in connections]
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert all(b"\r\nconnection: close\r\n" in answer.lower() for answer in answers)
    service.wait_until_ended(SOON_S)


def is_shut(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(0.05)
        return connection.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_nobody_visits_ends_at_once(service: Service) -> None:
    started = time.monotonic()
    tell_every_process(service)
    service.wait_until_ended(SOON_S)
    assert time.monotonic() - started < 1


def test_a_silent_connection_does_not_hold_the_server(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as silent:
        tell_every_process(service)
        service.wait_until_ended(3)
        assert silent.recv(1) == b""
