"""The Procfile's line with a log that cannot be written: log lines are lost, but no response."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import mixed_traffic
from tests.stage.postgres import run_statement
from tests.stage.servers import wait_for
from tests.stage.service import Environment, Service, environment_for, procfile_line

TOKEN = "a-token-for-prometheus"
WEB = procfile_line("web")
GUNICORN = "python -m clerk_sync.start gunicorn --no-control-socket --bind 127.0.0.1:$PORT --workers 2 'wsgi:serve()'"

LINES = {
    "a full disk": f"{WEB} 2>/dev/full",
    "a reader that has gone": f"bash -c {shlex.quote(f'exec {WEB} 2> >(exec sleep 0.1)')}",
    "stderr closed": f"{WEB} 2>&-",
    "everything closed": f"{WEB} <&- >&- 2>&-",
    "stdout full": f"{WEB} >/dev/full",
    "stderr closed, without the check of the settings": f"{WEB.partition('clerk_sync.start ')[2]} 2>&-",
    "a full disk under gunicorn": f"{GUNICORN} 2>/dev/full",
    "stderr closed under gunicorn": f"{GUNICORN} 2>&-",
}


@pytest.fixture
def environment(clerk: LocalClerk, migrated: str) -> Environment:
    return environment_for(clerk, migrated) | {"METRICS_TOKEN": TOKEN}


@contextmanager
def running(line: str, environment: Environment, folder: Path) -> Iterator[Service]:
    with Service(environment, folder / "service.log", line=line) as service:
        yield service


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_log_that_cannot_be_written_loses_no_response(
    line: str, environment: Environment, clerk: LocalClerk, migrated: str, tmp_path: Path
) -> None:
    with running(line, environment, tmp_path) as service:
        compose = mixed_traffic(clerk)
        sent = [compose() for _ in range(60)]
        for request in sent:
            url = service.url + request.path
            answer = requests.request(request.method, url, headers=request.headers, data=request.body, timeout=10)
            assert answer.status_code == 200, answer.text
        delivered = [request.headers["svix-id"] for request in sent if request.method == "POST"]
        found = run_statement(migrated, "SELECT svix_id FROM webhook_events WHERE svix_id = ANY(%s)", (delivered,))
        assert {svix_id for (svix_id,) in found} == set(delivered)


def test_lost_lines_are_counted(environment: Environment, tmp_path: Path) -> None:
    with running(LINES["a full disk"], environment, tmp_path) as service:
        for _ in range(20):
            assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200
        wait_for(lambda: lost_lines(service) >= 20, "20 lost lines")


def lost_lines(service: Service) -> float:
    scrape = requests.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text
    (line,) = [line for line in scrape.splitlines() if line.startswith("clerk_sync_log_lines_lost_total ")]
    return float(line.split()[1])


def test_a_log_reader_that_stopped_delays_no_request(environment: Environment, tmp_path: Path) -> None:
    # More lines than a pipe holds: 64 KiB.
    requests_count = 800
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with running(f"{WEB} 2>{fifo}", environment, tmp_path) as service, requests.Session() as http:
        slowest = 0.0
        for _ in range(requests_count):
            started_at = time.monotonic()
            assert http.get(f"{service.url}/healthz", timeout=10).status_code == 200
            slowest = max(slowest, time.monotonic() - started_at)
        assert slowest < 2
        service.terminate()
        service.wait_until_ended(8)
    with os.fdopen(reader, "rb") as pipe:
        lines = [json.loads(line) for line in pipe.read().splitlines()]
    assert len(lines) > 100, "what the pipe held is whole"


def test_a_log_reader_that_continues_gets_every_line(environment: Environment, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with running(f"{WEB} 2>{fifo}", environment, tmp_path) as service:
        with requests.Session() as http:
            ids = [f"request-{number:05}" for number in range(800)]
            for id_ in ids:
                assert http.get(f"{service.url}/healthz", headers={"X-Request-ID": id_}, timeout=10).status_code == 200
        os.set_blocking(reader, True)
        service.terminate()
        with os.fdopen(reader, "rb") as pipe:
            lines = [json.loads(line) for line in pipe.read().splitlines()]
        service.wait_until_ended(8)
    assert [line["request_id"] for line in lines if line["request_id"].startswith("request-")] == ids
