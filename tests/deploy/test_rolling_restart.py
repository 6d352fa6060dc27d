"""A deployment under load: nginx as the router, two web processes, PgBouncer in transaction mode."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types
import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.deploy.load import Load, mixed_traffic
from tests.stage import nginx, pgbouncer
from tests.stage.nginx import Nginx
from tests.stage.pgbouncer import PgBouncer
from tests.stage.postgres import PostgresServer
from tests.stage.servers import wait_for
from tests.stage.service import Service, environment_for

pytestmark = [
    pytest.mark.skipif(nginx.PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx)"),
    pytest.mark.skipif(
        pgbouncer.PROGRAM is None, reason="PgBouncer is not installed (Debian: apt-get install pgbouncer)"
    ),
]

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "forged.example",
    "X-Forwarded-Port": "1",
    "Forwarded": "for=203.0.113.9;host=forged.example;proto=gopher",
    "X-Real-Ip": "203.0.113.9",
    "X-Request-Id": "forged-by-a-client",
}


@dataclass(frozen=True)
class Deployment:
    """The running processes."""

    url: str
    services: list[Service]
    clerk: LocalClerk
    logs: list[Path]


@pytest.fixture(scope="module")
def deployment(
    postgres: PostgresServer, clerk: LocalClerk, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    tmp_path = tmp_path_factory.mktemp("deployment")
    database = migrated.partition("?")[0].rpartition("/")[2]
    with ExitStack() as stack:
        # Outside of tmp_path, which only the test user can read: PgBouncer runs as PostgreSQL's user.
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk_sync_bouncer_"))
        bouncer = stack.enter_context(
            PgBouncer(postgres.socket_directory, Path(directory), pool_size=4, roles=("postgres",))
        )
        environment = environment_for(clerk, bouncer.url(database).replace("postgresql://", "postgres://"))
        logs = [tmp_path / "one.log", tmp_path / "two.log"]
        services = [stack.enter_context(Service(environment, log)) for log in logs]
        router = stack.enter_context(Nginx(tmp_path / "nginx", (services[0].port, services[1].port)))
        yield Deployment(router.url, services, clerk, logs)


def test_a_rolling_restart_under_load_fails_no_request(deployment: Deployment) -> None:
    with Load(deployment.url, mixed_traffic(deployment.clerk)) as load:
        for service in deployment.services:
            load.wait_for_more(100)
            os.killpg(psutil.Process(service.workers[0]).ppid(), signal.SIGTERM)
            service.wait_until_ended(10)
            load.wait_for_more(100)
            service.start()
            service.wait_until_ready()
        load.wait_for_more(100)
    assert set(load.outcomes) == {200}


def test_forwarding_headers_of_a_client_change_nothing(deployment: Deployment) -> None:
    signed_in = {"Authorization": f"Bearer {deployment.clerk.session_token('user_shopper')}"}
    for path in ("/api/session", "/api/me", "/api/products", "/api/openapi.json", "/api/nothing", "/api/me/"):
        direct = deployment.services[0].url + path
        honest = requests.get(direct, headers=signed_in, timeout=10, allow_redirects=False)
        forged = requests.get(direct, headers=signed_in | FORGED, timeout=10, allow_redirects=False)
        routed = requests.get(deployment.url + path, headers=signed_in | FORGED, timeout=10, allow_redirects=False)
        assert honest.status_code == forged.status_code == routed.status_code
        assert honest.text == forged.text == routed.text
        assert "location" not in honest.headers
    for log in deployment.logs:
        assert "203.0.113.9" not in log.read_text()


def test_a_forged_host_does_not_admit_a_form_of_another_site(deployment: Deployment) -> None:
    token = deployment.clerk.session_token("user_shopper")
    forged = {"Cookie": f"__session={token}", "Origin": "https://forged.example", "Host": "forged.example"}
    claims = FORGED | {"X-Forwarded-Proto": "https"}
    for url in (deployment.url, deployment.services[0].url):
        answer = requests.put(f"{url}/api/cart/items/any", headers=claims | forged, json={"quantity": 1}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-not-allowed")


def test_the_routers_request_id_is_in_log_and_response(deployment: Deployment) -> None:
    answer = requests.get(f"{deployment.url}/healthz", headers=FORGED, timeout=10)
    id_ = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", id_)
    # Lines are written in batches.
    wait_for(
        lambda: sum(f'"request_id":"{id_}"' in log.read_text() for log in deployment.logs) == 1, "one line with the id"
    )


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 400), (1024 * 1024 + 1, 413), (8 * 1024 * 1024, 413)])
def test_a_body_that_is_too_large_is_refused_and_others_are_passed_on(
    deployment: Deployment, size: int, status: int
) -> None:
    answer = requests.post(
        f"{deployment.url}/api/webhooks/clerk",
        data=b" " * size,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == status


def test_an_unreadable_bearer_token_is_not_rescued_by_a_cookie(deployment: Deployment) -> None:
    cookie = {"Cookie": f"__session={deployment.clerk.session_token('user_shopper')}"}
    assert requests.get(f"{deployment.url}/api/session", headers=cookie, timeout=10).status_code == 200
    unreadable = cookie | {"Authorization": b"Bearer \xff"}
    assert requests.get(f"{deployment.url}/api/session", headers=unreadable, timeout=10).status_code == 400
