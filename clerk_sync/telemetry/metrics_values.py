"""The counters of one worker: the memory-mapped file of prometheus_client, allocated before it is mapped.

The library maps sparse files. On a full disk, a write to an unallocated block kills the process with SIGBUS. Here the
worker loses only counts if the disk or its inodes are full: it continues in memory, which no scrape shows.
"""

from __future__ import annotations

import mmap
import os
from io import BytesIO
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from clerk_sync.telemetry.metrics_folder import say_once

INITIAL_SIZE = 1 << 16
# The largest size of an entry without its key: length, padding, value and time.
_ENTRY_SIZE = 32


class AllocatedValues(MmapedDict):
    """The library's dictionary of values in a file, which never raises OSError."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _make_file(Path(filename))
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError as error:
            self._fname = filename
            self._positions: dict[str, int] = {}
            self._used = 8  # the size of the header
            self._continue_in_memory(INITIAL_SIZE, b"", error)

    def _init_value(self, key: str) -> None:
        """Add an entry. Enlarge the file first: the library would do it without allocating blocks."""
        size = len(key.encode()) + _ENTRY_SIZE
        while self._used + size > self._capacity:
            self._double()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _double(self) -> None:
        capacity = 2 * self._capacity
        if isinstance(self._f, BytesIO):
            self._copy_to_memory(capacity, self._m[:])
            return
        try:
            _append_zeros(self._f.fileno(), self._capacity)
            self._m = mmap.mmap(self._f.fileno(), capacity)
            self._capacity = capacity
        except OSError as error:
            self._f.close()
            self._continue_in_memory(capacity, self._m[:], error)

    def _continue_in_memory(self, capacity: int, content: bytes, error: OSError) -> None:
        self._f = BytesIO()  # the library closes it
        self._copy_to_memory(capacity, content)
        say_once(Path(self._fname).parent, error)

    def _copy_to_memory(self, capacity: int, content: bytes) -> None:
        self._m = mmap.mmap(-1, capacity)
        self._m[: len(content)] = content
        self._capacity = capacity


def install() -> None:
    """Make prometheus_client use ``AllocatedValues`` in the chosen folder.

    The library chooses its storage when it is imported. The folder was not known then, so it chooses again.
    """
    values.MmapedDict = AllocatedValues  # type: ignore[attr-defined]
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def _make_file(path: Path) -> None:
    """Create the file with all its blocks. It is renamed into place, because a scrape must not read half of it."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _append_zeros(descriptor, INITIAL_SIZE)
        finally:
            os.close(descriptor)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _append_zeros(descriptor: int, size: int) -> None:
    """Write zeros, which allocates blocks on every file system. An error leaves the file unchanged."""
    before = os.fstat(descriptor).st_size
    try:
        while size > 0:
            size -= os.write(descriptor, bytes(size))
    except OSError:
        os.ftruncate(descriptor, before)
        raise
