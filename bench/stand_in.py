"""A stand-in for Clerk's list of users, fast enough never to be the limit: ``python -m bench.stand_in --users 200000``.

A page is a range of a file that is written before the measurement, and costs one or two system calls. So nearly all of
the measured time is the sync's. It keeps Clerk's rate limit (429 with Retry-After), and can add network latency. It
checks no secret key, compresses nothing and listens on 127.0.0.1 only. The first line on stdout is its port.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import msgspec
from werkzeug.datastructures import MultiDict

from bench.listing import SUPPORTED, WINDOW, Body, Listing, refuse_unknown
from bench.population import Population
from clerk_sync.emulator.backend_api.rate_limit import RateLimit
from clerk_sync.emulator.errors import ClerkApiError

INSTANCE_ID = "ins_2benchbenchbenchbenchbench1"
INSTANCE = b'{"object":"instance","id":"%s","environment_type":"production"}' % INSTANCE_ID.encode()
TALLY_PATH = "/_tally"
LIVE_REQUESTS, PERIOD_S = 1000, 10.0
LONGEST_LINE = 65_536
_MORE = getattr(socket, "MSG_MORE", 0)


@dataclass
class Tally:
    """Counts since they were last taken. ``first_at`` is the Unix time of the first request."""

    requests: int = 0
    refused: int = 0
    users: int = 0
    first_at: float | None = None
    began_cpu_s: float = field(default_factory=time.process_time)


class StandIn(ThreadingTCPServer):
    """The server. Each connection has a thread, so that latency delays only its own client."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, population: Population, *, port: int, latency_s: float, requests_per_period: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._listing = Listing(population)
        self._latency_s = latency_s
        self._limit = RateLimit(requests_per_period, PERIOD_S, time.monotonic)
        self._lock = threading.Lock()
        self._tally = Tally()

    def answer(self, target: str) -> tuple[bytes, Body]:
        """Return the status line with the first headers, without the length, and the body."""
        path, _, query = target.partition("?")
        if path == TALLY_PATH:
            return b"HTTP/1.1 200 OK\r\n", [msgspec.json.encode(self._take_tally())]
        time.sleep(self._latency_s)
        try:
            users, body = self._find(path, MultiDict(parse_qsl(query, keep_blank_values=True)))
        except ClerkApiError as refusal:
            self._note(refused=True)
            retry = b"" if refusal.retry_after_s is None else b"Retry-After: %d\r\n" % refusal.retry_after_s
            head = b"HTTP/1.1 %d Refused\r\n" % refusal.status
            return head + retry, [msgspec.json.encode(refusal.body("bench"))]
        self._note(users=users)
        return b"HTTP/1.1 200 OK\r\n", body

    def _find(self, path: str, params: MultiDict[str, str]) -> tuple[int, Body]:
        self._limit.check()
        if path == "/v1/users":
            refuse_unknown(set(params), SUPPORTED)
            return self._listing.page(params)
        if path == "/v1/users/count":
            refuse_unknown(set(params), WINDOW)
            return 0, self._listing.count(params)
        if path.startswith("/v1/users/"):
            return 1, self._listing.one(unquote(path.removeprefix("/v1/users/")))
        if path == "/v1/instance":
            return 0, [INSTANCE]
        raise ClerkApiError(404, "resource_not_found", "not found", f"{path} is not served here.")

    def _note(self, *, users: int = 0, refused: bool = False) -> None:
        with self._lock:
            self._tally.requests += 1
            self._tally.refused += refused
            self._tally.users += users
            self._tally.first_at = self._tally.first_at or time.time() - self._latency_s

    def _take_tally(self) -> dict[str, Any]:
        with self._lock:
            taken, self._tally = self._tally, Tally()
        return asdict(taken) | {"cpu_s": self._tally.began_cpu_s - taken.began_cpu_s}


class _Handler(StreamRequestHandler):
    """One connection: answers GET requests until the client closes it."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        stand_in = cast("StandIn", self.server)
        while line := self.rfile.readline(LONGEST_LINE):
            while self.rfile.readline(LONGEST_LINE).strip():
                pass  # request headers are ignored
            _, target, _ = line.decode("latin-1").split(" ")
            head, body = stand_in.answer(target)
            length = sum(map(len, body))
            self.connection.sendall(
                head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length, _MORE
            )
            for piece in body[:-1]:
                self.connection.sendall(piece, _MORE)
            self.connection.sendall(body[-1])


def main() -> int:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(prog="stand_in", description="Clerk's list of users, fast.")
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 selects a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of each response [%(default)s]")
    parser.add_argument(
        "--requests", type=int, default=LIVE_REQUESTS, help=f"allowed in {PERIOD_S:g} s, then 429 [%(default)s]"
    )
    chosen = parser.parse_args()
    population = Population(chosen.users)
    latency_s = chosen.latency_ms / 1000
    with StandIn(population, port=chosen.port, latency_s=latency_s, requests_per_period=chosen.requests) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
