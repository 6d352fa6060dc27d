"""A host application, and ours behind a URL prefix, on servers that hosts use."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.imports import ImportWatch
from tests.stage.migrations import migrate
from tests.stage.postgres import run_statement
from tests.stage.service import Environment, Service, environment_for

HOST = """
from flask import Blueprint, Flask, current_app
from prometheus_client import CollectorRegistry, generate_latest
from clerk_sync import ClerkSync, claims, collector, current_user, require_admin

clerk = ClerkSync()
private = Blueprint("private", __name__, url_prefix="/private")
private.before_request(clerk.guard)
private.add_url_rule("/claims", "claims", view_func=lambda: {"user": claims().user_id})
private.add_url_rule("/user", "user", view_func=lambda: {"id": current_user().id})
private.add_url_rule("/admin", "admin", view_func=lambda: {"role": require_admin().role})

def scrape():
    registry = CollectorRegistry()
    registry.register(collector())
    return generate_latest(registry)

app = Flask(__name__)
clerk.init_app(app)
app.register_blueprint(private)
app.add_url_rule("/metrics", "metrics", view_func=scrape)
app.add_url_rule("/ready", "ready", view_func=lambda: dict(clerk.readiness()))
"""
GUNICORN = "gunicorn --no-control-socket --bind 127.0.0.1:$PORT --workers $WEB_CONCURRENCY"
SERVERS = {
    "gunicorn, forked after loading": f"{GUNICORN} --preload --threads 4 host:app",
    "granian": "granian --interface wsgi --port $PORT --workers $WEB_CONCURRENCY --blocking-threads 4 host:app",
}


@pytest.fixture(scope="module")
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as started:
        started.users.seed(3)
        yield started


@pytest.fixture(scope="module")
def environment(clerk: LocalClerk, new_database: Callable[[], str]) -> Environment:
    return environment_for(clerk, migrate(new_database()))


@pytest.fixture
def watch(tmp_path: Path) -> ImportWatch:
    return ImportWatch(tmp_path)


@pytest.fixture(params=SERVERS.values(), ids=SERVERS)
def host(
    request: pytest.FixtureRequest, environment: Environment, watch: ImportWatch, tmp_path: Path
) -> Iterator[Service]:
    (tmp_path / "host.py").write_text(HOST)
    paths = os.pathsep.join((str(tmp_path), watch.environment["PYTHONPATH"]))
    line = str(request.param)
    with Service(environment | {"PYTHONPATH": paths}, tmp_path / "host.log", line=line) as service:
        yield service


def signed(clerk: LocalClerk, body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", **sign_delivery(body, "msg_1", clerk.webhook_secret)}


def test_a_host_serves_many_threads_and_none_imports_a_module_first(
    host: Service, clerk: LocalClerk, watch: ImportWatch
) -> None:
    user = clerk.users.snapshot()[0]
    session = {"Authorization": f"Bearer {clerk.session_token(user.id)}"}
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()

    def visit(number: int) -> list[int]:
        paths = ("/private/claims", "/private/user", "/private/admin", "/metrics", "/ready", "/readyz", "/healthz")
        found = [requests.get(host.url + path, headers=session, timeout=10).status_code for path in paths]
        sent = requests.post(host.webhook_url, data=body, headers=signed(clerk, body), timeout=10)
        return [*found, requests.get(f"{host.url}/private/user", timeout=10).status_code, sent.status_code]

    with ThreadPoolExecutor(8) as threads:
        for statuses in threads.map(visit, range(16)):
            assert statuses == [200, 200, 403, 200, 200, 200, 200, 401, 200]
    assert {name for name in watch.of_threads() if not name.startswith("gunicorn")} == set()


def test_a_host_refuses_bodies_that_are_too_large_or_incomplete(host: Service, clerk: LocalClerk) -> None:
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    large = body + b" " * (1024 * 1024 + 1 - len(body))
    assert requests.post(host.webhook_url, data=large[:-1], headers=signed(clerk, large[:-1]), timeout=10).ok
    assert requests.post(host.webhook_url, data=large, headers=signed(clerk, large), timeout=10).status_code == 413
    assert requests.post(host.webhook_url, data=iter([body]), headers=signed(clerk, body), timeout=10).ok
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(clerk, body).items())
    head = f"POST /api/webhooks/clerk HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {len(body) + 9}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    # granian closes the connection without an answer.
    assert not answer or answer.startswith(b"HTTP/1.1 400"), answer


def test_our_application_works_behind_a_prefix_of_gunicorn(
    environment: Environment, clerk: LocalClerk, tmp_path: Path
) -> None:
    user = clerk.users.snapshot()[1]
    session = {"Authorization": f"Bearer {clerk.session_token(user.id)}", "Accept": "text/html"}
    service = Service(environment | {"SCRIPT_NAME": "/under/here"}, tmp_path / "log", line=f"{GUNICORN} wsgi:app")
    try:
        service.start()
        service.wait_until_ready("/under/here/readyz")
        root = f"{service.url}/under/here"
        assert requests.get(f"{root}/api/me", headers=session, timeout=10).ok
        run_statement(environment["DATABASE_URL"], "UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", (user.id,))
        to_visit, visited = {f"{root}/console", f"{root}/api/docs"}, set[str]()
        while to_visit:
            url = to_visit.pop()
            visited.add(url)
            page = requests.get(url, headers=session, timeout=10)
            assert page.ok, url
            if page.headers["Content-Type"].startswith("text/html"):
                found = {urljoin(url, unescape(each)) for each in re.findall(r'(?:href|src)="([^"#]+)"', page.text)}
                ours = {each for each in found if urlsplit(each).netloc == urlsplit(root).netloc}
                assert all(each.startswith(f"{root}/") for each in ours), (url, ours)
                to_visit |= ours - visited
        assert len(visited) > 10
        assert requests.get(f"{service.url}/console", headers=session, timeout=10).status_code >= 400
    finally:
        service.stop()
