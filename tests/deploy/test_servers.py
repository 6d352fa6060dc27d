"""Every WSGI server can serve the application without special settings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import mixed_traffic
from tests.stage.servers import wait_for
from tests.stage.service import ROOT, Environment, Service, environment_for

# All servers of this user would share one control socket.
GUNICORN = "gunicorn --no-control-socket --bind 127.0.0.1:$PORT --workers $WEB_CONCURRENCY"
GRANIAN = "granian --interface wsgi --port $PORT --workers $WEB_CONCURRENCY"
WAITRESS = "waitress-serve --listen=127.0.0.1:$PORT"

SERVERS = {
    "gunicorn": f"{GUNICORN} wsgi:app",
    "gunicorn with a name of ours": f"{GUNICORN} --name shop clerk_sync.wsgi:app",
    "gunicorn with threads": f"{GUNICORN} --threads 4 'wsgi:serve()'",
    "gunicorn, loaded before the fork": f"{GUNICORN} --preload wsgi:app",
    "gunicorn, warmed up before the fork": f"{GUNICORN} --preload --threads 4 'clerk_sync.wsgi:serve()'",
    "granian": f"{GRANIAN} wsgi:app",
    "waitress": f"{WAITRESS} wsgi:app",
    "waitress with the factory": f"{WAITRESS} --call wsgi:serve",
    "waitress as a background job": f"env --ignore-signal=INT {WAITRESS} --call wsgi:serve",
    "flask run": "flask run --port $PORT",
}
TOKEN = "a-token-for-prometheus"
REQUESTS = 30
# By default gunicorn waits 30 s before it kills a worker that does not end.
SOON_S = 8


def environment_in(folder: Path, clerk: LocalClerk, database_url: str) -> Environment:
    """Return an environment whose temporary folder is ``folder``."""
    return environment_for(clerk, database_url) | {"METRICS_TOKEN": TOKEN, "TMPDIR": str(folder)}


def service_of(line: str, environment: Environment, name: str = "service") -> Service:
    return Service(environment, Path(environment["TMPDIR"]) / f"{name}.log", line=line)


@pytest.fixture
def environment(clerk: LocalClerk, migrated: str, tmp_path: Path) -> Environment:
    return environment_in(tmp_path, clerk, migrated)


@pytest.fixture(scope="module", params=[name for name in SERVERS if "background" not in name])
def served(
    request: pytest.FixtureRequest, clerk: LocalClerk, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The application on one of the servers."""
    with service_of(
        SERVERS[request.param], environment_in(tmp_path_factory.mktemp("server"), clerk, migrated)
    ) as service:
        yield service


def test_every_kind_of_route_is_served(served: Service, clerk: LocalClerk) -> None:
    signed_in = {"Authorization": f"Bearer {clerk.session_token('user_shopper')}"}
    for path in ("/healthz", "/readyz", "/api/products", "/api/openapi.json", "/api/session", "/api/me"):
        assert requests.get(served.url + path, headers=signed_in, timeout=10).status_code == 200, path
    compose = mixed_traffic(clerk)
    for request in (compose() for _ in range(10)):
        url = served.url + request.path
        answer = requests.request(request.method, url, headers=request.headers, data=request.body, timeout=10)
        assert answer.status_code == 200, answer.text


def test_every_scrape_counts_the_requests_of_all_workers(served: Service) -> None:
    before = counted(served)
    ask_on_separate_connections(served, REQUESTS)
    assert [counted(served) - before for _ in range(6)] == [REQUESTS] * 6


def ask_on_separate_connections(service: Service, count: int) -> None:
    def ask(_: int) -> int:
        return requests.get(f"{service.url}/api/docs", timeout=10).status_code

    with ThreadPoolExecutor(6) as clients:
        assert set(clients.map(ask, range(count))) == {200}


def counted(service: Service) -> float:
    scrape = requests.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text
    found = re.findall(r'^clerk_sync_request_seconds_count{.*route="/api/docs".*} (\S+)$', scrape, re.MULTILINE)
    return sum(map(float, found))


def test_servers_of_one_user_count_separately_and_restart_from_0(environment: Environment, tmp_path: Path) -> None:
    with (
        service_of(SERVERS["gunicorn"], environment) as one,
        service_of(SERVERS["gunicorn"], environment, "two") as two,
    ):
        ask_on_separate_connections(one, 10)
        ask_on_separate_connections(two, 5)
        assert [counted(one), counted(two)] == [10, 5]
        assert len(list(tmp_path.glob("clerk_sync-metrics-*"))) == 2
    with service_of(SERVERS["gunicorn"], environment) as restarted:
        assert counted(restarted) == 0
        assert len(list(tmp_path.glob("clerk_sync-metrics-*"))) == 1, "what the two have left is removed"


def test_the_folder_that_the_operator_configures_is_created(environment: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    with service_of(SERVERS["gunicorn"], environment | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}) as service:
        ask_on_separate_connections(service, REQUESTS)
        assert [counted(service) for _ in range(4)] == [REQUESTS] * 4
    assert list(folder.glob("counter_*.db"))


@pytest.mark.parametrize("name", ["gunicorn", "granian"])
def test_an_unusable_configured_folder_costs_counts_and_logs_one_sentence_a_worker(
    name: str, environment: Environment, tmp_path: Path
) -> None:
    with service_of(SERVERS[name], environment | {"PROMETHEUS_MULTIPROC_DIR": "/dev/null/metrics"}) as service:
        workers = service.workers
        ask_on_separate_connections(service, REQUESTS)
        assert (counted(service), service.workers) == (0, workers)
    log = (tmp_path / "service.log").read_text()
    assert 1 <= log.count("metrics are not counted: /dev/null/metrics: Not a directory") <= len(workers)
    assert "Traceback" not in log


def signal_server(service: Service) -> None:
    os.kill(service.pid, signal.SIGTERM)


def signal_every_process(service: Service) -> None:
    os.killpg(service.pid, signal.SIGTERM)


# test_sigterm has the tests of granian.
@pytest.mark.parametrize(
    ("name", "tell"),
    [
        ("gunicorn", signal_server),
        ("gunicorn", signal_every_process),
        ("gunicorn with threads", signal_server),
        ("gunicorn with threads", signal_every_process),
        ("gunicorn, warmed up before the fork", signal_server),
        ("gunicorn, warmed up before the fork", signal_every_process),
        # One process: both signals are the same.
        ("waitress with the factory", signal_server),
        ("waitress as a background job", signal_server),
    ],
)
def test_sigterm_ends_a_server_soon_after_the_requests_in_flight(
    name: str, tell: Callable[[Service], None], environment: Environment, clerk: LocalClerk, migrated: str
) -> None:
    bearer = {"Authorization": f"Bearer {clerk.session_token('user_waiting')}"}
    with service_of(SERVERS[name], environment) as service:
        with request_in_flight(f"{service.url}/api/me", bearer, migrated) as asked:
            tell(service)
            told_at = time.monotonic()
            wait_for(lambda: time.monotonic() > told_at + 1, "a second in which the server may cut it off")
        assert asked.result().status_code == 200
        service.wait_until_ended(SOON_S)
    log = (Path(environment["TMPDIR"]) / "service.log").read_text()
    assert '"route":"/api/me","status":200' in log, "the lines of the end are written"


@contextmanager
def request_in_flight(url: str, headers: dict[str, str], database_url: str) -> Iterator[Future[requests.Response]]:
    """Yield a request that waits for a lock in the database until the block ends."""
    holder = psycopg2.connect(database_url, application_name="psql")
    with closing(holder), ThreadPoolExecutor(1) as client, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE users")
        asked = client.submit(requests.get, url, headers=headers, timeout=30)

        def is_waiting() -> bool:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return cursor.rowcount > 0

        wait_for(is_waiting, "a request that waits for the lock")
        yield asked
        holder.rollback()


@pytest.mark.parametrize("line", [f"{GUNICORN} wsgi:app", f"{GUNICORN} --preload wsgi:app", f"{WAITRESS} wsgi:app"])
def test_a_wrong_setting_stops_a_server_and_no_worker_restarts(line: str, environment: Environment) -> None:
    wrong = environment | {"CLERK_SECRET_KEY": "foo", "PORT": "0", "WEB_CONCURRENCY": "1"}
    ran = subprocess.run(
        ["/bin/sh", "-c", f"exec {line}"], env=wrong, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode != 0
    assert ran.stderr.count("CLERK_SECRET_KEY: found a value that cannot be used") == 1
