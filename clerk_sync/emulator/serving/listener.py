"""Werkzeug's threaded server on 127.0.0.1, with persistent connections and connection faults."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

log = logging.getLogger(__name__)

CONNECTION_FAULT = "local_clerk.connection_fault"
"""In the WSGI environment: the :class:`ConnectionFault` of this request."""

LARGEST_BODY = 10 * 1024 * 1024
HOST = "127.0.0.1"


@dataclass
class ConnectionFault:
    """How the connection ends; the middleware sets it."""

    hang_up: bool = False
    """Close it instead of answering."""

    torn: bool = False
    """Send the full Content-Length and half of the body, then close the connection."""


class Handler(WSGIRequestHandler):
    """Serves one connection, request after request.

    Werkzeug's own handler closes the connection after each response, which doubles the time of a page of users.
    """

    protocol_version = "HTTP/1.1"
    # Headers and body leave in one write: a second one would wait for the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer the request that has just been read."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            return self._reject(411, "A body needs a Content-Length.")
        if int(length) > LARGEST_BODY:
            return self._reject(413, "At most 10 MiB are accepted.")
        environ: dict[str, Any] = self.make_environ()
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(length)))
        environ[CONNECTION_FAULT] = connection_fault = ConnectionFault()
        return self._send(Response.from_app(self.server.app, environ, buffered=True), connection_fault)

    def _reject(self, status: int, text: str) -> None:
        # The body stays unread, so the next request on this connection could not be found.
        self.close_connection = True
        self._send(Response(f"{text}\n", status), ConnectionFault())

    def _send(self, response: Response, connection_fault: ConnectionFault) -> None:
        if connection_fault.hang_up:
            self.close_connection = True
            return
        body = response.get_data()
        self.send_response(response.status_code)
        for name, value in response.headers.to_wsgi_list():
            self.send_header(name, value)
        if "Content-Length" not in response.headers:
            self.send_header("Content-Length", str(len(body)))
        if connection_fault.torn:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing: the request log has every request."""


class Server(ThreadedWSGIServer):
    """Keeps track of its connections, so that stopping can close them."""

    def __init__(self, app: Any, bound: socket.socket) -> None:
        # Bound here: werkzeug exits the process if the port is taken.
        host, port = bound.getsockname()
        super().__init__(host, port, app, Handler, fd=bound.fileno())
        self.connections: set[socket.socket] = set()
        self.stopping = threading.Event()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - socketserver's hook
        """Whether to serve a connection: none after :meth:`Listener.stop`."""
        return not self.stopping.is_set()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's hook
        """Log one line about an error, but none about a client that closed its connection."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            log.error("local Clerk: a connection ended with %s: %s", type(error).__name__, error)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection from a thread of its own."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.connections.discard(request)
        super().shutdown_request(request)


class Listener:
    """A running server."""

    def __init__(self, app: Any, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((HOST, port))
            bound.listen(128)
            self.port: int = bound.getsockname()[1]
            self._server = Server(app, bound)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Reject new connections and close the open ones: otherwise their threads would keep answering."""
        if self._server.stopping.is_set():
            return
        self._server.stopping.set()
        with socket.create_connection((HOST, self.port)):
            self._thread.join()  # the connection wakes the accept loop
        self._server.server_close()
        for connection in list(self._server.connections):
            _close(connection)

    def _serve(self) -> None:
        # Not serve_forever: it polls for the end many times a second.
        while not self._server.stopping.is_set():
            self._server.handle_request()


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster
