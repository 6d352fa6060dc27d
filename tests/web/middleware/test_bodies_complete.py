"""Every route refuses an incomplete body and does nothing with its part."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.web.conftest import BOSS, HOME

Query = Callable[..., list[tuple[Any, ...]]]
Bearer = Callable[..., dict[str, str]]

ADDRESS = json.dumps(HOME).encode()
EVENT = json.dumps(clerk_event("user.created", clerk_user())).encode()


class Dropped(BytesIO):
    """The input of a server that raises if the client has disconnected: gunicorn for chunks, uWSGI always."""

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        if not part:
            raise OSError("the client has gone")
        return part


def routes_that_change_something(app: Flask) -> list[tuple[str, str]]:
    return sorted(
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    )


@pytest.mark.parametrize(("stream", "chunked"), [(BytesIO, False), (Dropped, False), (Dropped, True)])
def test_every_route_refuses_half_a_body(
    app: Flask, client: FlaskClient, bearer: Bearer, query: Query, stream: type[BytesIO], chunked: bool
) -> None:
    routes = routes_that_change_something(app)
    assert len(routes) >= 8
    for method, path in routes:
        headers = bearer(BOSS) | sign_delivery(EVENT, "msg_1") | {"Idempotency-Key": "key"}
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        answer = client.open(
            path,
            method=method,
            headers=headers,
            input_stream=stream(EVENT),
            content_type="application/json",
            environ_overrides={} if chunked else {"CONTENT_LENGTH": str(len(EVENT) + 30)},
        )
        assert answer.status_code == 400, (method, path)
        if path.startswith("/api"):
            assert answer.get_json()["code"] == "body-incomplete"
    assert query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM webhook_events)") == [(0, 0)]


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "1e3", "\u00b2", " ", "1 1", "1,1"])
def test_a_length_that_is_no_number_is_refused(client: FlaskClient, length: str) -> None:
    answer = client.post(
        "/api/webhooks/clerk",
        data=EVENT,
        headers=sign_delivery(EVENT, "msg_1"),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad-request")


@pytest.mark.parametrize("length", ["1048577", "9" * 5_000])
def test_a_length_over_one_mebibyte_is_refused_before_anything_is_read(client: FlaskClient, length: str) -> None:
    answer = client.post(
        "/api/webhooks/clerk",
        input_stream=Dropped(b""),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request-entity-too-large")


def test_leading_zeros_change_no_length(client: FlaskClient) -> None:
    answer = client.post(
        "/api/webhooks/clerk",
        data=EVENT,
        headers=sign_delivery(EVENT, "msg_1"),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "0" * 5_000 + str(len(EVENT))},
    )
    assert answer.get_json() == {"outcome": "applied"}


def test_a_body_that_the_server_returns_in_parts_is_read_to_the_end(client: FlaskClient) -> None:
    class InParts(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    answer = client.post(
        "/api/webhooks/clerk",
        input_stream=InParts(EVENT),
        headers=sign_delivery(EVENT, "msg_1"),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(len(EVENT))},
    )
    assert answer.get_json() == {"outcome": "applied"}


def test_a_page_of_an_authorized_party_can_read_why_its_body_was_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/api/addresses", data=b"x" * (1024 * 1024 + 1), headers={"Origin": "https://shop.example.com"}
    )
    assert answer.status_code == 413
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"


@contextmanager
def served(app: Flask) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def say(port: int, head: dict[str, str], body: bytes, path: str = "/api/webhooks/clerk") -> bytes:
    """Send a request, close the sending side, and return the whole response."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


CHUNK = f"{len(EVENT):x}\r\n".encode() + EVENT + b"\r\n"


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ({"Content-Length": str(len(EVENT))}, EVENT, b"200"),
        ({"Content-Length": str(len(EVENT) + 30)}, EVENT, b"400"),
        ({"Content-Length": str(len(EVENT))}, EVENT[:14], b"400"),
        ({"Content-Length": str(len(EVENT))}, b"", b"400"),
        ({"Transfer-Encoding": "chunked"}, CHUNK + b"0\r\n\r\n", b"200"),
        ({"Transfer-Encoding": "chunked"}, CHUNK, b"400"),
        ({"Transfer-Encoding": "chunked"}, CHUNK[:20], b"400"),
        ({"Transfer-Encoding": "chunked"}, b"", b"400"),
        ({"Transfer-Encoding": "chunked"}, b"zz\r\n" + EVENT, b"400"),
    ],
)
def test_a_signed_delivery_over_a_socket_counts_only_if_it_is_complete(
    app: Flask, query: Query, head: dict[str, str], body: bytes, status: bytes
) -> None:
    with served(app) as port:
        answer = say(port, head | sign_delivery(EVENT, "msg_1"), body)
    assert answer.split()[1] == status
    assert query("SELECT count(*) FROM webhook_events") == [(1 if status == b"200" else 0,)]
