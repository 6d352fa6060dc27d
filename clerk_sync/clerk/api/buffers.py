"""Where bodies are read into, again and again.

A page of users has a megabyte. To ask the kernel for one each time, and to have it filled with zeros first, takes as
long as decoding what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SMALLEST = 256 * 1024


class Buffer:
    """One body. It grows to the largest that it has held."""

    def __init__(self) -> None:
        self._bytes = bytearray(SMALLEST)

    def write(self, chunk: bytes, *, at: int) -> int:
        """Write ``chunk`` and return where it ends."""
        end = at + len(chunk)
        if end > len(self._bytes):
            # Not resized: an earlier view may still be held by somebody's traceback.
            grown = bytearray(max(end, len(self._bytes) * 5 // 4))
            grown[:at] = memoryview(self._bytes)[:at]
            self._bytes = grown
        self._bytes[at:end] = chunk
        return end

    def view(self, size: int) -> memoryview:
        """Return the first ``size`` bytes, without a copy."""
        return memoryview(self._bytes)[:size]


class Buffers:
    """As many buffers as bodies were ever read at once; safe to share between threads."""

    def __init__(self) -> None:
        self._idle: list[Buffer] = []

    @contextmanager
    def lend(self) -> Iterator[Buffer]:
        """Yield a buffer that nobody else uses until the block ends."""
        try:
            buffer = self._idle.pop()
        except IndexError:
            buffer = Buffer()
        try:
            yield buffer
        finally:
            self._idle.append(buffer)
