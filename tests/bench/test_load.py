"""Both load drivers send the given requests and report the same figures."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import load
from bench.load import LoadDriver
from bench.running import responder
from bench.traffic import get


@pytest.fixture(params=["C", "Python"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> LoadDriver:
    compiler = load.find_compiler()
    if request.param == "C" and compiler is None:
        pytest.skip("no C compiler here")
    return LoadDriver(tmp_path, compiler if request.param == "C" else None)


class Server:
    """Answers the requests of each connection and counts them. An empty answer breaks the connection."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.asked: Counter[str] = Counter()
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(65_536):
                path = request.split(b" ")[1].decode()
                self.asked[path] += 1
                answer = self._answers.get(path, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                if not answer:
                    return
                connection.sendall(answer)


@contextmanager
def serving(**answers: bytes) -> Iterator[Server]:
    server = Server({f"/{name}": answer for name, answer in answers.items()})
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.close()
    thread.join()


def test_each_request_is_sent_once(driver: LoadDriver) -> None:
    with serving() as server:
        found = driver.send(server.port, [get(f"/{number}") for number in range(100)])

    assert server.asked == Counter(f"/{number}" for number in range(100))
    assert (found.requests, found.refused) == (100, 0)
    assert 0 < found.p50_ms <= found.p99_ms


def test_requests_go_round_for_as_long_as_it_was_told(driver: LoadDriver) -> None:
    with responder() as trivial:
        found = driver.send(trivial.port, [get("/")], seconds=0.2)

    assert found.requests > load.CONNECTIONS
    assert found.requests / found.per_s >= 0.2


def test_answers_that_are_not_2xx_are_counted_and_the_first_is_named(driver: LoadDriver) -> None:
    with serving(bad=b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as server:
        found = driver.send(server.port, [get("/good"), get("/bad"), get("/good")])

    assert (found.requests, found.refused) == (3, 1)
    assert found.first_refused == "HTTP/1.1 503 Service Unavailable"


def test_a_connection_that_breaks_is_no_measurement(driver: LoadDriver) -> None:
    with serving(gone=b"") as server, pytest.raises(subprocess.CalledProcessError):
        driver.send(server.port, [get("/gone")])
