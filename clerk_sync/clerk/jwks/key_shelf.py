"""What the worker processes of one server know in common about a key set, so that together they fetch it like one.

A shelf is a small file in a directory of our own under the temporary one, with a lock beside it: public keys and two
times. Whoever could write it could sign in as anybody, so a directory or file that is not ours alone is not used; each
process then goes by what it knows itself.

A shelf belongs to one run of one server. A restart begins with nothing, which is how an operator drops keys at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

import msgspec

from clerk_sync.clerk.jwks.key_set import PublicKeyEntry

log = logging.getLogger(__name__)

# A server with traffic writes every few minutes; one that sleeps longer loses nothing but one fetch.
LEFT_BEHIND_AFTER_S = 3600


class Shelved(msgspec.Struct, frozen=True):
    """What is known of a key set: when it was last asked for, and what the last answer that was one said."""

    attempted_at: float = 0.0
    fetched_at: float = 0.0
    entries: tuple[PublicKeyEntry, ...] = ()


class Shelf(Protocol):
    """A place that workers share."""

    def hold(self, *, wait: bool) -> AbstractContextManager[bool]:
        """Keep the others out for the length of a block; false where one of them is in already."""

    def find(self) -> Shelved | None:
        """Return what is on the shelf."""

    def find_change(self) -> Shelved | None:
        """Return what is on the shelf where that is new to this process."""

    def put(self, shelved: Shelved) -> None:
        """Replace what is on the shelf."""


class NoShelf:
    """What a process without siblings needs: nothing to share, nobody to keep out."""

    def hold(self, *, wait: bool) -> AbstractContextManager[bool]:  # noqa: ARG002 - the protocol's argument
        """Let the block run."""
        return nullcontext(enter_result=True)

    def find(self) -> None:
        """Find nothing."""

    def find_change(self) -> None:
        """Find nothing."""

    def put(self, shelved: Shelved) -> None:
        """Do nothing: the key set itself remembers."""


class FileShelf:
    """The shelf ``name`` in ``directory``. Where the file system refuses, it behaves like none."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._file = directory / f"{name}.json"
        self._lock = directory / f"{name}.lock"
        self._seen = (0, 0)
        self._is_swept = False
        self._is_stale = False

    @contextmanager
    def hold(self, *, wait: bool) -> Iterator[bool]:
        """Keep the other processes out for the length of a block; false where one of them is in already."""
        try:
            lock = self._open_lock()
        except OSError as error:
            log.warning("key set not shared between workers: %s", error.strerror)
            yield True
            return
        try:
            yield _is_locked(lock, wait=wait)
        finally:
            os.close(lock)

    def find(self) -> Shelved | None:
        """Return what a process of our own user has put here."""
        if self._is_stale:
            return None
        try:
            _require_ours(self._directory)
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                return msgspec.json.decode(file.read(), type=Shelved)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def find_change(self) -> Shelved | None:
        """Return what is here where the file is another than last time; one ``stat`` otherwise."""
        try:
            found = self._file.lstat()
        except OSError:
            return None
        if (found.st_ino, found.st_mtime_ns) == self._seen:
            return None
        self._seen = (found.st_ino, found.st_mtime_ns)
        return self.find()

    def put(self, shelved: Shelved) -> None:
        """Replace the file in one step, so that whoever reads never sees half of it."""
        draft = self._directory / f"{self._file.stem}.{os.getpid()}.tmp"
        # Until this process can write, the file tells it old news, and would end the cooldown that has just begun.
        self._is_stale = True
        with suppress(OSError):
            _require_ours(self._directory)
            self._sweep()
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(shelved))
                draft.replace(self._file)
                self._is_stale = False
            except OSError:
                # An attempt without its result would keep the other workers from asking for themselves.
                draft.unlink(missing_ok=True)
                self._file.unlink(missing_ok=True)

    def _open_lock(self) -> int:
        with suppress(FileExistsError):
            self._directory.mkdir(mode=0o700)
        _require_ours(self._directory)
        return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def _sweep(self) -> None:
        """Remove, once, what former servers have left behind."""
        if self._is_swept:
            return
        self._is_swept = True
        for path in self._directory.iterdir():
            if path.lstat().st_mtime < time.time() - LEFT_BEHIND_AFTER_S:
                path.unlink(missing_ok=True)


def shelf_of_this_server(url: str, secret_key: str | None) -> Shelf:
    """Return the shelf that the workers of this server share for ``url`` as ``secret_key`` sees it."""
    server = _find_server()
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:  # there is no folder in which a file could be made
        return NoShelf()
    if server is None:
        return NoShelf()
    # By credentials too: what one instance may see must never verify another's tokens.
    digest = hashlib.sha256(f"{url} {secret_key}".encode()).hexdigest()[:32]
    return FileShelf(temporary / f"clerk_sync-{os.geteuid()}", f"{server}-{digest}")


def _find_server() -> str | None:
    """Return the name of the process that started this one as a worker; None where this one stands alone."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None:
        return None
    try:
        # The start time, because in a container every server has the same process id.
        started = Path(f"/proc/{parent.pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = "0"
    return f"{parent.pid}-{started}"


def _require_ours(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(1, "the directory is not ours alone")


def _is_locked(lock: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
