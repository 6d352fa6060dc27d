"""The production server over sockets: a request whose client disconnects within the body has no effect.

granian ends a chunked body that is cut off like a complete one, so only bodies with a Content-Length can be checked.
"""

from __future__ import annotations

import json
import socket

import pytest

from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.servers import Servers

HOME = json.dumps({"line1": "1 Harbour Road", "city": "Galway", "country": "IE"}).encode()


def send(servers: Servers, path: str, headers: dict[str, str], body: bytes, announced: int) -> tuple[int, str]:
    """Announce more than ``body``, send it and close the sending side; return status and problem code."""
    head = {
        "Host": f"127.0.0.1:{servers.service.port}",
        "Content-Type": "application/json",
        "Content-Length": str(announced),
        **headers,
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", servers.service.port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


def test_a_signed_delivery_that_announces_more_than_it_sends_is_refused(servers: Servers) -> None:
    event = clerk_event("user.created", clerk_user("user_half"), instance_id=servers.clerk.instance_id)
    body = json.dumps(event).encode()
    signed = sign_delivery(body, "msg_half", secret=servers.clerk.webhook_secret)
    assert send(servers, "/api/webhooks/clerk", signed, body, len(body) + 30) == (400, "body-incomplete")
    assert servers.query("SELECT count(*) FROM webhook_events WHERE svix_id = 'msg_half'") == [(0,)]


@pytest.mark.parametrize(("sent", "announced"), [(len(HOME), len(HOME) + 1), (14, 50), (0, 50)])
def test_a_form_that_announces_more_than_it_sends_is_refused(servers: Servers, sent: int, announced: int) -> None:
    signed_in = {"Authorization": f"Bearer {servers.clerk.session_token('user_half')}"}
    assert send(servers, "/api/addresses", signed_in, HOME[:sent], announced) == (400, "body-incomplete")
    assert servers.query("SELECT count(*) FROM addresses") == [(0,)]
