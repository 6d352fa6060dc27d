"""A Backend API on loopback that sends scripted replies in order, and records the requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from clerk_sync.clerk.errors import NotJsonError


@dataclass
class Reply:
    """One response. ``cut`` omits that many bytes of the announced body; ``between`` runs between the parts."""

    status: int = 200
    parts: Sequence[bytes] = (b"[]",)
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    between: Callable[[], object] = lambda: None
    hold: Event | None = None


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    parameters: list[tuple[str, str]]
    headers: dict[str, str]
    client_port: int


def answer(body: object, status: int = 200, **headers: str) -> Reply:
    """Return a whole response; ``retry_after="3"`` becomes the header Retry-After."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, [raw], {name.replace("_", "-"): value for name, value in headers.items()})


def refusal(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    """Return one of Clerk's errors."""
    body = {"errors": [{"code": code, "message": message, "long_message": message}], "clerk_trace_id": "trace1"}
    return answer(body, status, **headers)


def parse_json(raw: bytes) -> Any:
    """Return the body; raise NotJsonError if it is cut off, as every parser of a response does."""
    try:
        return json.loads(bytes(raw))
    except ValueError as error:
        raise NotJsonError from error


DROPPED = Reply(status=0)
"""The connection is closed without a response."""


class ScriptedApi:
    """Requests beyond the script get the last reply again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: list[Reply] = [Reply()]
        self._lock = Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body leave in two writes

            def do_GET(self) -> None:
                api._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class named it
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64  # eight threads that connect at once must not wait for a second SYN

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def will_answer(self, *replies: Reply) -> None:
        """Send these replies from now on, in order."""
        with self._lock:
            self._replies = list(replies)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        with self._lock:
            self.asked.append(
                Asked(url.path, parse_qsl(url.query), dict(handler.headers.items()), handler.client_address[1])
            )
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if reply.hold:
            reply.hold.wait(10)
        if reply is DROPPED:
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(sum(map(len, reply.parts)))}
        for name, value in (headers | reply.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        self._send_body(handler, reply)

    @staticmethod
    def _send_body(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.cut:
            handler.wfile.write(reply.parts[0][: -reply.cut])
            handler.close_connection = True
            return
        try:
            for number, part in enumerate(reply.parts):
                if number:
                    reply.between()
                handler.wfile.write(part)
                handler.wfile.flush()
        except ConnectionError:
            handler.close_connection = True  # the client closed the connection

    @contextmanager
    def running(self) -> Iterator[ScriptedApi]:
        """Serve until the block ends."""
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s: list[float] = []
        self._lock = Lock()

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now_s += seconds
            self.slept_s.append(seconds)
