"""Writes log lines to stderr. No request waits for the program that reads them, or fails with it.

1. A web worker appends a line to a queue. One thread writes the lines of 50 ms in one system call. If the pipe is full
   because its reader has stopped, only that thread waits.
2. Lines are dropped and counted if the queue is full or stderr cannot be written (full disk, closed pipe). Nothing is
   raised.
3. When the process exits, it writes the queue first, for at most a second. A process that is killed loses the lines of
   its last 50 ms.
4. A command writes each line at once through ``sys.stderr``, so log lines and its other output keep their order. A
   reader that has stopped delays it once (see ``stdio``).
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread, main_thread

from clerk_sync.telemetry.stdio import STDERR, is_prepared_for_a_command

GATHER_S = 0.05
MAX_LINES = 10_000
END_TIMEOUT_S = 1.0
# A write of at most this size to a pipe is not mixed with writes of other processes.
CHUNK_SIZE = select.PIPE_BUF
_POLL_MS = 200


class LogWriter:
    """Writes whole lines to stderr."""

    def __init__(self) -> None:
        self.on_lost: Callable[[int], object] = lambda _: None
        """The writing thread calls it with the number of lines lost since the last call."""
        # If stderr was closed when Python started, its descriptor may belong to another file or a socket now.
        self._descriptor = STDERR if sys.__stderr__ is not None else os.open(os.devnull, os.O_WRONLY)
        self._is_batching = False
        self._is_mid_line = False
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Reset the state. A forked process does it, too: the lines and the thread belong to its parent."""
        self._lines: deque[bytes] = deque()
        self._has_lines = Event()
        self._is_ending = Event()
        self._starting = Lock()
        self._counting = Lock()
        self._lost = 0
        self._thread: Thread | None = None

    def write_in_batches(self) -> None:
        """Let a thread write from now on. The first line starts it."""
        self._is_batching = True

    def write(self, line: bytes) -> None:
        """Write ``line``, which ends with a newline."""
        if not self._is_batching:
            if is_prepared_for_a_command():
                sys.stderr.write(line.decode(errors="replace"))
            else:
                self._write_now(line)
            return
        if len(self._lines) >= MAX_LINES:
            self.count_lost(1)
            return
        self._lines.append(line)
        if not self._has_lines.is_set():
            self._has_lines.set()
        if self._thread is None:
            self._start()

    def count_lost(self, number: int) -> None:
        """Count lines that were not written."""
        with self._counting:
            self._lost += number

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            # New threads inherit the mask. Signals must reach the main thread, or the thread that waits for SIGTERM.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                with suppress(RuntimeError):  # no thread can be started now; the next line tries again
                    thread = Thread(target=self._run, name="log writer", daemon=True)
                    thread.start()
                    self._thread = thread
                    # The interpreter waits for this thread. granian runs no atexit functions in its workers.
                    Thread(target=self._write_rest, name="log end", args=(thread,), daemon=False).start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self._has_lines.wait()
            self._is_ending.wait(GATHER_S)
            self._has_lines.clear()
            self._write_queue()
        self._write_queue()

    def _write_rest(self, writing: Thread) -> None:
        """Wait until the main thread ends, then let the queue be written."""
        main_thread().join()
        self._is_ending.set()
        self._has_lines.set()
        writing.join(END_TIMEOUT_S)
        self._is_batching = writing.is_alive()

    def _write_queue(self) -> None:
        while self._lines and self._wait_for_space():
            chunk = self._lines.popleft()
            while self._lines and len(chunk) + len(self._lines[0]) <= CHUNK_SIZE:
                chunk += self._lines.popleft()
            self._write_now(chunk)
        self._report_lost()

    def _wait_for_space(self) -> bool:
        """Wait until the pipe has space. Return False if it is full and the process ends."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while not poll.poll(_POLL_MS):
            self._report_lost()
            if self._is_ending.is_set():
                return False
        return True

    def _write_now(self, lines: bytes) -> None:
        # If the last write ended in the middle of a line, begin a new line.
        rest = b"\n" + lines if self._is_mid_line else lines
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # another process has made the pipe non-blocking
                    select.select([], [self._descriptor], [])
        except OSError:
            self.count_lost(rest.count(b"\n"))
            self._is_mid_line = self._is_mid_line or len(rest) < len(lines)
        else:
            self._is_mid_line = False

    def _report_lost(self) -> None:
        with self._counting:
            lost, self._lost = self._lost, 0
        if lost:
            self.on_lost(lost)
