"""The socket, when clients behave badly or something breaks inside."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from clerk_sync.emulator.serving.listener import Listener

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ASKING = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def reset(connection: socket.socket) -> None:
    """End the connection as the kernel does for a process that was killed with data unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_threads(before: set[threading.Thread]) -> None:
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_a_client_that_is_killed_in_the_middle_of_a_request_is_no_news(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.set()
        gone.wait(5)
        start_response("200 OK", [])
        return [b"x" * 10_000_000]

    listener = Listener(app, 0)
    before = set(threading.enumerate())
    connection = socket.create_connection(("127.0.0.1", listener.port))
    connection.sendall(ASKING)
    assert asked.wait(5)
    reset(connection)
    gone.set()
    wait_for_threads(before)
    listener.stop()
    assert capfd.readouterr().err == ""
    assert caplog.messages == []


def test_what_breaks_inside_is_one_line_and_the_next_client_is_served(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answers: Iterator[bytes | ValueError] = iter([ValueError("no such thing"), b"fine"])

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        start_response("200 OK", [])
        return [answer]

    listener = Listener(app, 0)
    url = f"http://127.0.0.1:{listener.port}/"
    before = set(threading.enumerate())
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    wait_for_threads(before)
    assert requests.get(url, timeout=5, headers={"Connection": "close"}).text == "fine"
    listener.stop()
    assert caplog.messages == ["local Clerk: a connection ended with ValueError: no such thing"]
    assert "Traceback" not in capfd.readouterr().err
