"""The state file: it saves a local Clerk's state and restores it at the next start."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.sessions.keys import SigningKey
from clerk_sync.emulator.users.schemas import Session, User
from clerk_sync.emulator.webhooks.messages import Message, State

SAVE_EVERY_S = 2.0


class Saved(Struct, kw_only=True):
    """The saved state; deliveries and the request log are not saved."""

    instance: int
    kid: str
    private_key_pem: str
    webhook_secret: str
    users: list[User]
    sessions: list[Session]
    undelivered: list[Message]


class StateFile:
    """Restores an instance from a file, and keeps the file up to date until closed."""

    def __init__(self, path: Path, instance: Instance) -> None:
        self._path = path
        self._instance = instance
        self._saved_revision: tuple[object, ...] | None = None
        self._closing = threading.Event()
        if path.exists():
            self._restore()
        self.save()  # fails at the start, not at the end, if the file cannot be written
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def save(self) -> None:
        """Write the file if anything has changed: completely or not at all."""
        instance = self._instance
        revision = instance.revision
        if revision == self._saved_revision:
            return
        messages = [
            each for each in list(instance.webhook_sender.messages.values()) if each.state is not State.DELIVERED
        ]
        saved = Saved(
            instance=instance.options.instance,
            kid=instance.keys.current.kid,
            private_key_pem=instance.keys.current.private_key_pem,
            webhook_secret=instance.signing_secrets.current,
            users=instance.users.snapshot(),
            sessions=instance.sessions.all()[::-1],
            undelivered=messages,
        )
        unfinished = self._path.with_name(self._path.name + ".new")
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - Path.open cannot set the mode
            file.write(msgspec.json.encode(saved))
        unfinished.replace(self._path)
        self._saved_revision = revision

    def close(self) -> None:
        """Save for the last time."""
        self._closing.set()
        self._thread.join()
        self.save()

    def _restore(self) -> None:
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=Saved)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{self._path} is not the state file of a local Clerk: {error}") from error
        instance = self._instance
        if saved.instance != instance.options.instance:
            raise ValueError(
                f"{self._path} belongs to local instance {saved.instance}, not {instance.options.instance}"
            )
        instance.keys.restore(SigningKey.from_pem(saved.kid, saved.private_key_pem))
        instance.signing_secrets.restore(saved.webhook_secret)
        instance.user_store.put_many(saved.users)
        instance.sessions.restore(saved.sessions)
        instance.webhook_sender.adopt(saved.undelivered)

    def _keep(self) -> None:
        while not self._closing.wait(SAVE_EVERY_S):
            self.save()
