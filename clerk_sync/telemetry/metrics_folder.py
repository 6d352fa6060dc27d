"""The folder for the counters of one server's workers.

1. The operator may set ``PROMETHEUS_MULTIPROC_DIR``. Otherwise the folder is made in the temporary folder. Its name is
   derived from random bytes that only the workers of this server know, so no other user can create it first.
2. A folder in the temporary folder is used only if this user owns it, its mode is 0700, and it is no symbolic link.
3. Each worker holds a shared lock on it until it ends. A folder without a lock is left over from a server that has
   ended, and the next start removes it. Process ids cannot tell that, because they are reused. systemd-tmpfiles does
   not remove locked folders either.
4. Without a folder, workers count in memory and no scrape shows these counts. Each scrape reaches another worker:
   Prometheus would take the differences for counter resets.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import logging
import multiprocessing
import os
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "clerk_sync-metrics-"

_reasons: list[OSError] = []

_AT_RANDOM = 25
_AT_RANDOM_SIZE = 16


def choose_folder() -> None:
    """Set ``PROMETHEUS_MULTIPROC_DIR`` to a usable folder. prometheus_client reads it when it is first imported."""
    given = os.environ.pop(VARIABLE, None)
    try:
        if not given:
            given = _open_our_folder(Path(tempfile.gettempdir()))
        elif Path(given).name.startswith(PREFIX):  # chosen by the parent process
            hold(Path(given))
        else:
            Path(given).mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[VARIABLE] = given
    except OSError as error:
        say_once(given or "the temporary folder", error)


def say_once(folder: Path | str, error: OSError) -> None:
    """Log once that this process does not count, and why."""
    if not _reasons:
        _reasons.append(error)
        log.warning("metrics are not counted: %s: %s", folder, error.strerror or error)


def find_folder() -> Path | None:
    """Return the chosen folder, or None."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder and Path(folder).is_dir() else None


def _open_our_folder(parent: Path) -> str:
    folder = parent / (PREFIX + hashlib.sha256(_server_bytes()).hexdigest()[:32])
    hold(folder)
    remove_left_overs(parent)
    return str(folder)


def hold(folder: Path) -> int:
    """Create ``folder`` if needed, and lock it until this process ends or closes the returned descriptor."""
    while True:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # Another worker may find the folder before it is locked, and remove it.
        with suppress(FileNotFoundError):
            descriptor = _open_if_ours(folder)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_nlink > 0:
                return descriptor
            os.close(descriptor)


def remove_left_overs(parent: Path) -> None:
    """Remove our folders in ``parent`` that no process has locked."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, locked, or removed by another process
            descriptor = _open_if_ours(folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def _open_if_ours(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(descriptor)
        raise PermissionError(1, f"{folder} is not private")
    return descriptor


def _server_bytes() -> bytes:
    """Return random bytes that all workers of one server share, and no other process knows."""
    if multiprocessing.parent_process() is not None:
        # granian starts its workers with multiprocessing: they inherit the key of their parent.
        return bytes(multiprocessing.current_process().authkey)
    # Other servers fork their workers.
    return _program_bytes() or os.urandom(_AT_RANDOM_SIZE)


def _program_bytes() -> bytes | None:
    """Return the random bytes that Linux gives a program when it starts. Forked processes share them."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    libc.getauxval.argtypes, libc.getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    address = libc.getauxval(_AT_RANDOM)
    return ctypes.string_at(address, _AT_RANDOM_SIZE) if address else None
