"""The Procfile's line with a temporary folder that is small, full or without inodes: only counts are lost."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import mixed_traffic
from tests.stage.namespace import NAMESPACE, can_mount
from tests.stage.servers import wait_for
from tests.stage.service import Environment, Service, environment_for, procfile_line

pytestmark = pytest.mark.skipif(not can_mount(), reason="this machine allows no mount (unshare --mount)")

TOKEN = "a-token-for-prometheus"
NO_ROOM = ["size=4k", "size=100k", "nr_inodes=1", "nr_inodes=2", "nr_inodes=4"]


@pytest.fixture
def environment(clerk: LocalClerk, migrated: str, tmp_path: Path) -> Environment:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return environment_for(clerk, migrated) | {"METRICS_TOKEN": TOKEN, "TMPDIR": str(temporary)}


def line_with(options: str) -> str:
    """Return a line that mounts a temporary folder with ``options``, makes all else read-only, and serves."""
    mounts = f'mount -t tmpfs -o {options} none "$TMPDIR" && mount -o remount,bind,ro /'
    return shlex.join([*NAMESPACE, "sh", "-c", f"{mounts} && exec {procfile_line('web')}"])


def send(service: Service, clerk: LocalClerk, count: int) -> None:
    compose = mixed_traffic(clerk)
    for request in (compose() for _ in range(count)):
        url = service.url + request.path
        answer = requests.request(request.method, url, headers=request.headers, data=request.body, timeout=10)
        assert answer.status_code == 200, answer.text


def scrape(service: Service) -> str:
    answer = requests.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("options", NO_ROOM)
def test_a_folder_without_free_space_loses_counts_and_no_response(
    options: str, environment: Environment, clerk: LocalClerk, tmp_path: Path
) -> None:
    log = tmp_path / "service.log"
    with Service(environment, log, line=line_with(options)) as service:
        workers = service.workers
        send(service, clerk, 40)
        assert "clerk_sync_database_up 1.0" in scrape(service)
        assert service.workers == workers
    assert 1 <= log.read_text().count("metrics are not counted: ") <= len(workers)
    assert "Traceback" not in log.read_text()


def test_a_folder_that_fills_up_ends_no_worker(environment: Environment, clerk: LocalClerk, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with Service(environment, log, line=line_with("size=1m")) as service:
        # A worker that starts in a full folder counts nothing, and its scrapes show no counts.
        wait_for(lambda: log.read_text().count("Started worker-") == 2, "both workers")
        workers = service.workers
        send(service, clerk, 40)
        fill(Path(f"/proc/{workers[0]}/root{environment['TMPDIR']}"))
        # Each route has its own series, and all of them exceed the space of the files.
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"):
            for path in (
                "/api/cart",
                "/api/orders",
                "/api/nowhere",
                "/api/products",
                "/api/docs",
                "/api/organizations",
            ):
                assert requests.request(method, service.url + path, timeout=10).status_code < 500
        send(service, clerk, 40)
        assert 'route="/healthz"' in scrape(service), "what was counted before is kept"
        assert service.workers == workers


def fill(folder: Path) -> None:
    """Use up all space of the file system of ``folder``."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1024)):
                pass
        except OSError:
            pass
