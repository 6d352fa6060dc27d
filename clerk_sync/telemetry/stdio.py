"""Standard streams that may be closed, full or broken, or whose encoding lacks printed characters."""

from __future__ import annotations

import codecs
import errno
import io
import locale
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2

RESULTS_LOST = 74
"""Exit status of a command whose results could not be written: EX_IOERR of sysexits.h."""
READER_GONE = 141
"""Exit status if the program that reads the results has ended: 128 + SIGPIPE."""

WRITE_TIMEOUT_S = 1.0

_HANDLER = "similar character"
_REPLACEMENTS = {
    "…": "...", "–": "-", "—": "-", "→": "->", "←": "<-", "✓": "+", "✗": "x", "’": "'", "“": '"', "”": '"', "µ": "u",
}  # fmt: skip


def open_missing_descriptors() -> None:
    """Open descriptors 0, 1 and 2 on /dev/null if they are closed.

    Otherwise the next file or socket gets such a descriptor, and messages for stderr are written into it.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, descriptor)
            if opened == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.close(opened)


def say(text: str) -> None:
    """Write a line to stderr if possible. A character that cannot be encoded becomes a question mark."""
    if sys.stderr is not None:
        with suppress(OSError):
            os.write(STDERR, f"{text}\n".encode(sys.stderr.encoding, "replace"))


def prepare_for_a_command() -> None:
    """Replace the standard streams of a command, so that they cannot end it with a traceback.

    1. A closed stream is opened on /dev/null.
    2. A character that the encoding lacks becomes a similar one, or a question mark.
    3. stdout is for results. If it cannot be written, the command exits: with RESULTS_LOST and a sentence, or with
       READER_GONE if the reader has ended.
    4. stderr is for progress and messages. If it cannot be written, the text is dropped and the command continues.
    """
    open_missing_descriptors()
    codecs.register_error(_HANDLER, _replace)
    if sys.stdin is None:
        sys.stdin = open(STDIN, closefd=False)  # noqa: SIM115 - open until the process ends
    elif isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    sys.stdout = _Text(_Results(STDOUT, "wb", closefd=False), sys.stdout)
    sys.stderr = _Text(_Messages(STDERR, "wb", closefd=False), sys.stderr)


def is_prepared_for_a_command() -> bool:
    """Return whether ``sys.stderr`` is the replaced stream, which never fails and never blocks for long."""
    return isinstance(sys.stderr, _Text)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_REPLACEMENTS.get(character, "?") for character in lacking), error.end


class _Text(io.TextIOWrapper):
    """A text stream that is flushed at each line and keeps the encoding of the stream ``before``."""

    # If the encoding is ASCII, click writes UTF-8 to the buffer. Without a buffer it writes text.
    buffer = None  # type: ignore[assignment]

    def __init__(self, file: io.FileIO, before: TextIO | None) -> None:
        encoding = before.encoding if before is not None else locale.getencoding()
        super().__init__(io.BufferedWriter(file), encoding, _HANDLER, line_buffering=True)


class _Results(io.FileIO):
    """stdout. The first failure ends the command. Later writes are ignored."""

    _is_lost = False

    def write(self, data: ReadableBuffer) -> int:
        if self._is_lost:
            return memoryview(data).nbytes
        try:
            while (written := super().write(data)) is None:  # another process has made the pipe non-blocking
                select.select([], [self], [])
        except OSError as error:
            self._is_lost = True
            if error.errno == errno.EPIPE:
                raise SystemExit(READER_GONE) from None
            sys.stderr.write(f"The results cannot be written to standard output: {error.strerror}.\n")
            raise SystemExit(RESULTS_LOST) from None
        return written


class _Messages(io.FileIO):
    """stderr. It never fails. It waits once for a reader that has stopped, for at most WRITE_TIMEOUT_S."""

    _timeout_s = WRITE_TIMEOUT_S

    def write(self, data: ReadableBuffer) -> int:
        _, is_writable, _ = select.select([], [self], [], self._timeout_s)
        self._timeout_s = WRITE_TIMEOUT_S if is_writable else 0.0
        if is_writable:
            with suppress(OSError):
                # A pipe with free space accepts at least this many bytes without blocking.
                return super().write(memoryview(data)[: select.PIPE_BUF]) or memoryview(data).nbytes
        return memoryview(data).nbytes
