"""How a web worker leaves after SIGTERM: it lets nobody in, serves whoever is in, and only then stops the server.

A server that closes its listener at once loses requests. The kernel resets the connections that stand in the listener's
queue, and one that was taken up but has not said anything yet is closed. From outside both look like a crash, and a
router may not send a POST again. So the door is shut first. A listener without new connections has an empty queue a
moment later and can be closed without anybody noticing; whoever knocks meanwhile is refused within a second or two and
goes elsewhere.
"""

from __future__ import annotations

import ctypes
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

# Handshakes that are under way, and what stands in the queue.
SETTLE_S = 0.1
# Kept-alive connections end with their next answer; one that is silent for so long is closed. Well under the second
# after which TCP knocks again: then the door is gone, and whoever knocks is told so.
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

    To be called in a worker's main thread before the server starts threads: they inherit that SIGTERM is held back.
    The server must stop on SIGINT, which it gets once nobody is left, or only those whose requests it is working on.
    """
    departure = Departure(application)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    Thread(target=departure.wait_and_leave, name="departure", daemon=True).start()
    return departure


class Departure:
    """A WSGI application around another one, whose answers ask everybody to leave once it is time."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._is_leaving = False
        self._handler_before = signal.getsignal(signal.SIGINT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request; after SIGTERM this is the connection's last."""
        if not self._is_leaving:
            return self._application(environ, start_response)

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            return start_response(line, [*headers, ("Connection", "close")], *rest)

        return self._application(environ, start)

    def wait_and_leave(self) -> None:
        """Wait for SIGTERM, let the visitors finish, and stop the server."""
        signal.sigwait({signal.SIGTERM})
        self._is_leaving = True
        while signal.getsignal(signal.SIGINT) is self._handler_before:
            sleep(POLL_S)  # the server is still starting, and would miss the signal
        _let_the_visitors_finish()
        # Once, however often SIGTERM comes: granian's worker blocks for ever on the third signal, and with it every
        # request that it is working on. To the main thread, which alone runs handlers.
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)


def _let_the_visitors_finish() -> None:
    settled_at = monotonic() + SETTLE_S
    deadline = monotonic() + PATIENCE_S
    ports: set[int] = set()
    while monotonic() < settled_at or (monotonic() < deadline and _has_visitors(ports)):
        ports.update(_shut(listener) for listener in _listeners())
        sleep(POLL_S)


def _shut(listener: socket.socket) -> int:
    """Drop what would open a connection to ``listener``, where the system can do that; return its port."""
    if sys.platform == "linux":
        code = b"".join(struct.pack("HBBI", *step) for step in _NO_NEW_CONNECTIONS)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(_NO_NEW_CONNECTIONS), ctypes.addressof(buffer))
        with suppress(OSError):  # a sandbox may forbid filters; then a few connections may still be lost
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    return int(listener.getsockname()[1])


def _has_visitors(ports: set[int]) -> bool:
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
