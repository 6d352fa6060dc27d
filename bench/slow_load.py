"""The load driver in Python: one process for each connection, with the arguments and output of load.c.

It takes several times as much CPU time as load.c, which the service then lacks. So the figures are lower with it.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 20.0
STARTING_S = 0.3
LARGEST_RESPONSE = 1 << 20

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Share(NamedTuple):
    """The results of one connection. ``refused`` has the status lines that are not 2xx."""

    ended_at: float
    refused: list[str]
    latencies_us: list[int]


def main() -> int:
    """Send the load and print the result, as load.c does."""
    port, connections, seconds, path = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    started_at = time.monotonic() + STARTING_S
    send = partial(_send, port, path, connections, started_at, seconds)
    with ProcessPoolExecutor(connections, multiprocessing.get_context("fork")) as processes:
        shares = list(processes.map(send, range(connections)))
    refused = [line for share in shares for line in share.refused]
    found = {
        "elapsed_s": max(share.ended_at for share in shares) - started_at,
        "refused": len(refused),
        "first_refused": "".join(refused[:1]),
        "latencies_us": [latency_us for share in shares for latency_us in share.latencies_us],
    }
    print(json.dumps(found))
    return 0


def _send(port: int, path: Path, connections: int, started_at: float, seconds: float, number: int) -> Share:
    """Send every n-th request, beginning with ``number``; n is ``connections``."""
    requests = list(_read(path.read_bytes()))
    turns: Iterable[bytes] = islice(cycle(requests) if seconds else requests, number, None, connections)
    share = Share(started_at, [], [])
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(max(0.0, started_at - time.monotonic()))
        for request in turns:
            sent_at = time.monotonic()
            connection.sendall(request)
            answer = _receive(connection)
            share = share._replace(ended_at=time.monotonic())
            share.latencies_us.append(int((share.ended_at - sent_at) * 1e6))
            if not answer.startswith(b"HTTP/1.1 2"):
                share.refused.append(answer.split(b"\r\n", 1)[0].decode("latin-1"))
            if seconds and share.ended_at >= started_at + seconds:
                break
    return share


def _read(text: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        (length,) = struct.unpack_from("=I", text, at)
        yield text[at + 4 : at + 4 + length]
        at += 4 + length


def _receive(connection: socket.socket) -> bytes:
    answer = b""
    while got := connection.recv(LARGEST_RESPONSE):
        answer += got
        headers, end, body = answer.partition(b"\r\n\r\n")
        if end and len(body) >= int(_LENGTH.findall(headers)[0]):
            return answer
    raise ConnectionError("a connection broke")


if __name__ == "__main__":
    sys.exit(main())
