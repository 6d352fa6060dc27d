from __future__ import annotations

import http.client
import socket
import threading

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.serving.middleware import is_loopback


def exchange(clerk: LocalClerk, request: bytes) -> bytes:
    """Send bytes and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", clerk.port), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize(
    "host", ["evil.example.com", "127.0.0.1.evil.example.com", "10.0.0.1", "localhost.evil.com", ""]
)
@pytest.mark.parametrize("path", ["/_local/state", "/v1/users", "/sign-up"])
def test_a_name_that_is_not_this_machines_is_refused_everywhere(clerk: LocalClerk, host: str, path: str) -> None:
    answer = requests.get(clerk.url + path, headers={"Host": host}, timeout=10)
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost:4010", "127.0.0.1", "[::1]:4010", "clerk.localhost"])
def test_every_name_of_this_machine_is_served(host: str) -> None:
    assert is_loopback(host)


def test_a_page_from_elsewhere_cannot_change_anything(clerk: LocalClerk) -> None:
    for origin, status in (("https://evil.example.com", 403), ("null", 403), ("http://localhost:3000", 200)):
        answer = requests.post(
            clerk.url + "/_local/users/seed", json={"count": 1}, headers={"Origin": origin}, timeout=10
        )
        assert answer.status_code == status, origin


def test_it_listens_on_loopback_only(clerk: LocalClerk) -> None:
    assert clerk.url.startswith("http://127.0.0.1:")
    with socket.socket() as outside:
        outside.bind(("0.0.0.0", 0))  # the port is taken on 127.0.0.1 alone, so it is free on other addresses
        outside.close()
    with socket.socket() as second_loopback:
        second_loopback.bind(("127.0.0.2", clerk.port))


def test_a_connection_serves_request_after_request_with_and_without_a_body(clerk: LocalClerk) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", clerk.port, timeout=5)
    connection.connect()
    sock = connection.sock
    for method, body in (("GET", None), ("POST", b'{"username": "ada"}'), ("GET", b"unread"), ("HEAD", None)):
        connection.request(method, "/v1/users", body, {"Authorization": f"Bearer {clerk.secret_key}"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, method
    assert connection.sock is sock
    connection.close()


def test_two_requests_sent_at_once_get_two_answers(clerk: LocalClerk) -> None:
    one = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert exchange(clerk, one + last).count(b"HTTP/1.1 200") == 2


def test_a_body_of_unknown_length_is_refused(clerk: LocalClerk) -> None:
    head = b"POST /v1/users HTTP/1.1\r\nHost: localhost\r\n"
    assert exchange(clerk, head + b"Transfer-Encoding: chunked\r\n\r\n").startswith(b"HTTP/1.1 411")
    assert exchange(clerk, head + b"Content-Length: -1\r\n\r\n").startswith(b"HTTP/1.1 411")
    assert exchange(clerk, head + b"Content-Length: 99999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_a_stopped_clerk_answers_nobody_not_even_over_open_connections() -> None:
    clerk = LocalClerk.start()
    with requests.Session() as session:
        assert session.get(clerk.url + "/.well-known/jwks.json", timeout=5).ok
        clerk.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(clerk.url + "/.well-known/jwks.json", timeout=5)


def test_a_stopped_clerk_can_be_started_on_the_same_port() -> None:
    first = LocalClerk.start()
    first.stop()
    with LocalClerk.start(port=first.port) as second:
        assert requests.get(second.url + "/.well-known/jwks.json", timeout=5).ok


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_running(clerk: LocalClerk) -> None:
    before = [thread.name for thread in threading.enumerate()].count("local-clerk-sender")
    with pytest.raises(OSError, match="in use"):
        LocalClerk.start(port=clerk.port)
    assert [thread.name for thread in threading.enumerate()].count("local-clerk-sender") == before


def test_stopping_twice_is_stopping_once() -> None:
    clerk = LocalClerk.start()
    clerk.stop()
    clerk.stop()
