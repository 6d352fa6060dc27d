"""The folder in which the workers of one server keep their counters.

1. It is ``PROMETHEUS_MULTIPROC_DIR`` if the operator has set that, else a folder of ours in the temporary folder. The
   name of ours comes from random bytes that only the workers of one server know: no other user can make it first.
2. A folder of ours belongs to us alone: owner, mode 0700, no symbolic link. Any other is not used.
3. Each worker holds a shared lock on our folder while it lives. A folder without a lock is left over from a server that
   has ended, and the next start removes it. Process ids would not do: they come again. systemd-tmpfiles leaves locked
   folders alone, too.
4. If there is no folder, workers count in their own memory, and no scrape shows it: values of one worker only would
   look to Prometheus like counters that start again with each scrape.
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
    """Set ``PROMETHEUS_MULTIPROC_DIR``, which prometheus_client reads when it is imported first, to a usable folder."""
    given = os.environ.pop(VARIABLE, None)
    try:
        if not given:
            given = _open_our_folder(Path(tempfile.gettempdir()))
        elif Path(given).name.startswith(PREFIX):  # the process that has started this one has chosen it
            hold(Path(given))
        else:
            Path(given).mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[VARIABLE] = given
    except OSError as error:
        say_once(given or "the temporary folder", error)


def say_once(folder: Path | str, error: OSError) -> None:
    """Log that this process does not count, and why. Later reasons are the same."""
    if not _reasons:
        _reasons.append(error)
        log.warning("metrics are not counted: %s: %s", folder, error.strerror or error)


def find_folder() -> Path | None:
    """Return the folder that was chosen, if there is one."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder and Path(folder).is_dir() else None


def _open_our_folder(parent: Path) -> str:
    folder = parent / (PREFIX + hashlib.sha256(_bytes_of_this_server()).hexdigest()[:32])
    hold(folder)
    remove_left_overs(parent)
    return str(folder)


def hold(folder: Path) -> int:
    """Make ``folder``, if it is not there, and lock it until this process ends or closes the descriptor returned."""
    while True:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # Another process of ours may find the folder before it is locked, and remove it.
        with suppress(FileNotFoundError):
            descriptor = _open_if_ours(folder)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_nlink > 0:
                return descriptor
            os.close(descriptor)


def remove_left_overs(parent: Path) -> None:
    """Remove folders of ours in ``parent`` that no process holds."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, held, or removed by another process
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
        raise PermissionError(1, f"{folder} is not ours alone")
    return descriptor


def _bytes_of_this_server() -> bytes:
    """Return random bytes that the worker processes of one server have in common, and no other process knows."""
    if multiprocessing.parent_process() is not None:
        # Drawn by the process that has started this one; granian does it so.
        return bytes(multiprocessing.current_process().authkey)
    # Other servers fork their workers.
    return _bytes_of_this_program() or os.urandom(_AT_RANDOM_SIZE)


def _bytes_of_this_program() -> bytes | None:
    """Return the random bytes that Linux gives each program when it starts. A forked process has its parent's."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    libc.getauxval.argtypes, libc.getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    address = libc.getauxval(_AT_RANDOM)
    return ctypes.string_at(address, _AT_RANDOM_SIZE) if address else None
