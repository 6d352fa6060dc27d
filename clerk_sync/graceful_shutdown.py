"""Graceful shutdown: a web worker exits after SIGTERM without losing a request.

A server that closes its listener at once loses requests. The kernel resets connections that wait in the listener's
queue. The server closes accepted connections on which no request has arrived yet. A router must not repeat a POST after
that. So a worker drains its connections:

1. It drops SYN packets with a socket filter. The client repeats them a second later. The port is closed then, so the
   client is refused and can try another server.
2. It answers requests on open connections, each with ``Connection: close``.
3. It stops the server when no connection is left, or after 0.7 s. The server finishes the requests in progress.

This applies to granian, whose workers have a listener each, and to servers that SIGTERM would kill (waitress). A server
that handles SIGTERM itself is not changed: the workers of gunicorn share one listener with their successors.
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
from threading import Event, Thread, main_thread
from time import monotonic, sleep
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Enough for handshakes in progress, and for connections in the listener's queue.
SETTLE_S = 0.1
# A keep-alive connection that is idle for this long is closed. It is well below the second after which TCP repeats a
# SYN: the port must be closed by then.
DRAIN_S = 0.7
POLL_S = 0.02

_SO_ATTACH_FILTER = 26
# A classic BPF filter that drops SYN packets and passes all others.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone? else skip the next step
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


_has_sigterm_arrived = Event()


def remember_sigterm() -> None:
    """Remember a SIGTERM that arrives while a granian worker loads the application; ``drain_on_sigterm`` obeys it.

    The worker still has the signal handler of its parent process, which would ignore the signal in the worker. The
    parent would then kill the worker 25 s later.
    """
    handler_before = signal.getsignal(signal.SIGTERM)
    if not _is_granian_worker() or not callable(handler_before):
        return

    def remember(number: int, frame: FrameType | None) -> None:
        _has_sigterm_arrived.set()
        handler_before(number, frame)

    signal.signal(signal.SIGTERM, remember)


def drain_on_sigterm(application: WSGIApplication) -> WSGIApplication:
    """Return ``application`` wrapped so that SIGTERM loses no request.

    Call it in the main thread of a worker before the server starts threads, because they must inherit the blocked
    SIGTERM. The server must stop on SIGINT. It gets SIGINT when its connections are drained.
    """
    if _server_handles_sigterm():
        return application
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and not _is_granian_worker():
        # A shell starts background jobs with SIGINT ignored. Then the SIGINT below would not stop the server.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    shutdown = GracefulShutdown(application)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    if _has_sigterm_arrived.is_set():
        os.kill(os.getpid(), signal.SIGTERM)
    Thread(target=shutdown.wait_and_stop, name="graceful shutdown", daemon=True).start()
    return shutdown


def _server_handles_sigterm() -> bool:
    # A granian worker still has the handler of its parent process, and sets its own later.
    return signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL and not _is_granian_worker()


def _is_granian_worker() -> bool:
    # Other servers do not use multiprocessing.
    return multiprocessing.parent_process() is not None


class GracefulShutdown:
    """WSGI middleware. After SIGTERM its responses ask clients to close their connections."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._is_draining = False
        self._is_granian = _is_granian_worker()
        self._handler_before = signal.getsignal(signal.SIGINT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request. After SIGTERM it is the last one on its connection."""
        # Other servers refuse this header from an application, as PEP 3333 allows.
        if not (self._is_draining and self._is_granian):
            return self._application(environ, start_response)

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            return start_response(line, [*headers, ("Connection", "close")], *rest)

        return self._application(environ, start)

    def wait_and_stop(self) -> None:
        """Wait for SIGTERM, drain the connections, and stop the server."""
        signal.sigwait({signal.SIGTERM})
        self._is_draining = True
        while self._is_granian and signal.getsignal(signal.SIGINT) is self._handler_before:
            sleep(POLL_S)  # the server is starting and has no handler yet
        _drain()
        # Only once: a granian worker and its requests in progress block forever on the third signal. Only the main
        # thread runs signal handlers.
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)


def _drain() -> None:
    settled_at = monotonic() + SETTLE_S
    deadline = monotonic() + DRAIN_S
    ports: set[int] = set()
    while monotonic() < settled_at or (monotonic() < deadline and _has_clients(ports)):
        ports.update(_stop_accepting(listener) for listener in _listeners())
        sleep(POLL_S)


def _stop_accepting(listener: socket.socket) -> int:
    """Drop SYN packets to ``listener`` if the system supports it. Return its port."""
    if sys.platform == "linux":
        code = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(buffer))
        with suppress(OSError):  # a sandbox may forbid filters; a few connections may then be lost
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
    """Yield a duplicate of each TCP socket of this process, and close it afterwards: the server owns the original."""
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
