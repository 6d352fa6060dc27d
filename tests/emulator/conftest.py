"""A running local Clerk, an endpoint that takes its webhooks, and a client that holds the secret key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from clerk_sync.emulator import LocalClerk


@dataclass
class Received:
    """One delivery as it arrived."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """Takes webhooks; answers what ``answers`` says, in turn, and then 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrival: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> None:
        with self.arrival:
            self.received.append(received)
            self.arrival.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many deliveries have arrived, whether or not they are answered yet."""
        with self.arrival:
            assert self.arrival.wait_for(lambda: len(self.received) >= count, 10)

    @property
    def ids(self) -> list[str]:
        return [each.headers["svix-id"] for each in self.received]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    endpoint.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.take(Received({name.lower(): value for name, value in self.headers.items()}, body))
            endpoint.gate.wait(10)
            status, headers = endpoint.answers.pop(0) if endpoint.answers else (200, {})
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield endpoint
    endpoint.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def clerk(endpoint: Endpoint) -> Iterator[LocalClerk]:
    with LocalClerk.start(webhook_url=endpoint.url, schedule_factor=0.0001, senders=1, seed=1) as running:
        yield running


@pytest.fixture
def api(clerk: LocalClerk) -> Iterator[Api]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {clerk.secret_key}"
        yield Api(session, clerk.url)


@dataclass
class Api:
    """The Backend API as a service calls it."""

    session: requests.Session
    url: str

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, allow_redirects=False, **kwargs)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def refusal(self, method: str, path: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Return status, code and the parameter that is to blame."""
        response = self.call(method, path, **kwargs)
        error = response.json()["errors"][0]
        return response.status_code, error["code"], error["meta"].get("param_name")
