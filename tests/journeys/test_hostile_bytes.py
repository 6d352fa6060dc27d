"""Requests that no HTTP library sends, over a socket to the production server."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.stage.servers import TIMEOUT_S, Servers


def ask(servers: Servers, *headers: bytes) -> tuple[int, dict[str, object]]:
    """Send ``GET /api/session`` with these header lines; return status and JSON of the response."""
    address = urlsplit(servers.service.url)
    with socket.create_connection((address.hostname, address.port), TIMEOUT_S) as connection:
        lines = [b"GET /api/session HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""]
        connection.sendall(b"\r\n".join(lines))
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def cookie(servers: Servers) -> bytes:
    user_id = str(servers.clerk.users.create(first_name="Grace")["id"])
    return f"Cookie: __session={servers.clerk.session_token(user_id)}".encode()


@pytest.mark.parametrize(
    "value", [b"Bearer \xe9", b"Bearer \xc3\xa9", b"Bearer\xa0x", b"bearer x\xff", b"Bearer x", b""]
)
def test_a_bearer_header_that_is_not_ascii_is_not_rescued_by_a_cookie(
    servers: Servers, cookie: bytes, value: bytes
) -> None:
    status, answer = ask(servers, b"Authorization: " + value, cookie)
    assert (status, answer["code"]) == (401, "token-invalid")


@pytest.mark.parametrize("headers", [[], [b"Authorization: Basic dTpw"], [b"Authorization: x"], [b"X-Other: \xe9"]])
def test_other_headers_leave_it_to_the_cookie(servers: Servers, cookie: bytes, headers: list[bytes]) -> None:
    assert ask(servers, *headers, cookie)[0] == 200
