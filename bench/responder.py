"""A server with one fixed response, which shows the load driver's own cost: ``python -m bench.responder``."""

from __future__ import annotations

import socket
import sys
from selectors import EVENT_READ, DefaultSelector

RESPONSE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'


def main() -> int:
    """Answer everything that arrives on a connection. The first line on stdout is the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    selector = DefaultSelector()
    selector.register(listener, EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                selector.register(connection, EVENT_READ, connection)
            # A request on loopback arrives in one piece. An empty read means that the connection ended.
            elif key.data.recv(65_536):
                key.data.sendall(RESPONSE)
            else:
                selector.unregister(key.data)
                key.data.close()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
