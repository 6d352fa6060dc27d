"""SIGTERM as platforms send it: open connections are served, new ones are refused, and the server ends soon."""

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

# Heroku waits 30 s before SIGKILL. The server should need much less than that.
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


def signal_server(service: Service) -> None:
    """Signal the server process, as a service manager does."""
    os.kill(server_of(service), signal.SIGTERM)


def signal_every_process(service: Service) -> None:
    """Signal every process of the dyno, including the workers, as Heroku does."""
    os.killpg(server_of(service), signal.SIGTERM)


def signal_every_process_repeatedly(service: Service) -> None:
    """Signal every process several times, as Heroku may do."""
    group = server_of(service)
    for _ in range(5):
        os.killpg(group, signal.SIGTERM)
        time.sleep(0.05)  # the kernel merges signals that follow at once


def signal_one_worker(service: Service) -> None:
    """Signal one worker, which no platform does. The whole server then ends."""
    os.kill(service.workers[0], signal.SIGTERM)


EVERY_WAY = [signal_server, signal_every_process, signal_every_process_repeatedly, signal_one_worker]


def test_a_worker_that_is_still_loading_ends_soon(clerk: LocalClerk, migrated: str, tmp_path: Path) -> None:
    slow = ImportWatch(tmp_path, delays_s={"clerk_sync.app": 3}).environment
    service = Service(environment_for(clerk, migrated) | slow, tmp_path / "service.log")
    service.start()
    try:
        wait_for(lambda: len(service.workers) == 2, "both workers")
        time.sleep(1)  # they have begun to load
        signal_server(service)
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


@pytest.mark.parametrize("terminate", [signal_server, signal_every_process_repeatedly])
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
                # Both workers have waiting requests; the kernel decides how many each has.
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


def test_a_connection_that_has_sent_nothing_yet_is_served(service: Service) -> None:
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10)) for _ in range(40)
        ]
        signal_every_process(service)
        wait_for(lambda: is_closed(service.port), "a closed port")
        for connection in connections:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        answers = [connection.recv(65536) for connection in connections]
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert all(b"\r\nconnection: close\r\n" in answer.lower() for answer in answers)
    service.wait_until_ended(SOON_S)


def is_closed(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(0.05)
        return connection.connect_ex(("127.0.0.1", port)) != 0


def test_an_idle_server_ends_at_once(service: Service) -> None:
    started = time.monotonic()
    signal_every_process(service)
    service.wait_until_ended(SOON_S)
    assert time.monotonic() - started < 1


def test_a_silent_connection_does_not_keep_the_server_running(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as silent:
        signal_every_process(service)
        service.wait_until_ended(3)
        assert silent.recv(1) == b""
