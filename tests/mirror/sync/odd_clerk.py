"""A local Clerk whose answers are rewritten on their way: users that no local Clerk would hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from clerk_sync.emulator import LocalClerk


@contextmanager
def rewritten(clerk: LocalClerk, replacements: Mapping[bytes, bytes]) -> Iterator[str]:
    """Yield the URL of an API that answers what ``clerk`` answers, with these bytes replaced."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body leave in two writes

        def do_GET(self) -> None:
            headers = {"Authorization": self.headers["Authorization"]}
            answer = requests.get(clerk.url + self.path, headers=headers, timeout=30)
            body = answer.content
            for old, new in replacements.items():
                body = body.replace(old, new)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
