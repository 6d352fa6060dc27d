"""How a web worker ends after SIGTERM without losing a request.

A server that closes its listener at once loses requests. The kernel resets the connections that wait in the listener's
queue, and a connection that was accepted and is silent so far is closed. To the client both look like a crash, and a
router may not send a POST again. So a worker ends in these steps:

1. It drops packets that would open a connection. The client repeats them a second later, when the port is closed, and
   is refused: it can go to another server.
2. It answers the requests that come on open connections, each with ``Connection: close``.
3. It stops the server when no connection is left, or after 0.7 s. The server finishes the requests that it works on.

This is for granian, whose workers have a listener each, and for servers that SIGTERM would kill (waitress). A server
that handles SIGTERM itself is left alone: the workers of gunicorn share one listener, also with their successors.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread, main_thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Enough for handshakes in progress, and for what waits in the listener's queue.
SETTLE_S = 0.1
# Kept-alive connections end with their next answer; one that is silent for so long is closed. It is well under the
# second after which TCP repeats a packet: then the port is closed, and the client is refused.
PATIENCE_S = 0.7
POLL_S = 0.02

_SO_ATTACH_FILTER = 26
# A classic socket filter that drops what opens a connection and passes everything else.
_NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone? else skip the next step
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def leave_in_order(application: WSGIApplication) -> WSGIApplication:
    """Return ``application``, served by a process that SIGTERM ends without losing a request.

    Call it in a worker's main thread before the server starts threads: they inherit that SIGTERM is blocked. The server
    must stop on SIGINT, which it gets when no connection is left, or only those whose requests it works on.
    """
    if _server_handles_sigterm():
        return application
    departure = Departure(application)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    Thread(target=departure.wait_and_leave, name="departure", daemon=True).start()
    return departure


def _server_handles_sigterm() -> bool:
    # A worker of granian still has the handler of the process that it was forked from, and gets its own later.
    return signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL and not _is_granian_worker()


def _is_granian_worker() -> bool:
    # Other servers fork their workers, or have none.
    return multiprocessing.parent_process() is not None


class Departure:
    """A WSGI application around another one. After SIGTERM its answers ask clients to close their connections."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._is_leaving = False
        self._is_granian = _is_granian_worker()
        self._handler_before = signal.getsignal(signal.SIGINT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request; after SIGTERM this is the connection's last."""
        # Other servers refuse an application that sets this header, as PEP 3333 lets them.
        if not (self._is_leaving and self._is_granian):
            return self._application(environ, start_response)

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            return start_response(line, [*headers, ("Connection", "close")], *rest)

        return self._application(environ, start)

    def wait_and_leave(self) -> None:
        """Wait for SIGTERM, let clients finish, and stop the server."""
        signal.sigwait({signal.SIGTERM})
        self._is_leaving = True
        while self._is_granian and signal.getsignal(signal.SIGINT) is self._handler_before:
            sleep(POLL_S)  # the server is still starting, and would miss the signal
        _let_clients_finish()
        # Once, however often SIGTERM comes: granian's worker blocks for ever on the third signal, and with it every
        # request that it is working on. To the main thread, which alone runs handlers.
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)


def _let_clients_finish() -> None:
    settled_at = monotonic() + SETTLE_S
    deadline = monotonic() + PATIENCE_S
    ports: set[int] = set()
    while monotonic() < settled_at or (monotonic() < deadline and _has_clients(ports)):
        ports.update(_stop_accepting(listener) for listener in _listeners())
        sleep(POLL_S)


def _stop_accepting(listener: socket.socket) -> int:
    """Drop packets that would open a connection to ``listener``, if the system can do that; return its port."""
    if sys.platform == "linux":
        code = b"".join(struct.pack("HBBI", *step) for step in _NO_NEW_CONNECTIONS)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(_NO_NEW_CONNECTIONS), ctypes.addressof(buffer))
        with suppress(OSError):  # a sandbox may forbid filters; then a few connections may still be lost
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    return int(listener.getsockname()[1])


def _has_clients(ports: set[int]) -> bool:
    return any(each.getsockname()[1] in ports and _is_connected(each) for each in _tcp_sockets())


def _listeners() -> Iterator[socket.socket]:
    return (each for each in _tcp_sockets() if _is_listening(each))


def _is_listening(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_connected(each: socket.socket) -> bool:
    with suppress(OSError):
        return bool(each.getpeername())
    return False


def _tcp_sockets() -> Iterator[socket.socket]:
    """Yield this process's TCP sockets, each as a duplicate that lives for one step: the server owns its own."""
    try:
        descriptors = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    except OSError:
        return
    for descriptor in descriptors:
        with suppress(OSError):  # closed meanwhile
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with closing(socket.socket(fileno=os.dup(descriptor))) as duplicate:
                if duplicate.family in (socket.AF_INET, socket.AF_INET6):
                    yield duplicate
