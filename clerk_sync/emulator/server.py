"""LocalClerk: an instance with its HTTP server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec import UNSET, UnsetType

from clerk_sync.emulator.faults import Faults
from clerk_sync.emulator.instance import Instance, Options, Quirks
from clerk_sync.emulator.serving.app import create_app
from clerk_sync.emulator.serving.listener import HOST, Listener
from clerk_sync.emulator.serving.middleware import Middleware
from clerk_sync.emulator.serving.request_log import RequestLog
from clerk_sync.emulator.sessions.keys import Keys, SigningKey
from clerk_sync.emulator.sessions.sessions import Sessions
from clerk_sync.emulator.sessions.tokens import LIFETIME_S
from clerk_sync.emulator.state import StateFile
from clerk_sync.emulator.users.random_history import RandomHistory
from clerk_sync.emulator.users.users import Users
from clerk_sync.emulator.webhooks.webhook_sender import WebhookSender


class LocalClerk:
    """A running local Clerk. Use it as a context manager, or call :meth:`stop`."""

    def __init__(self, instance: Instance, port: int, state: StateFile | None) -> None:
        self._instance = instance
        self._state = state
        self.requests = RequestLog(instance.options.history)
        origins = (instance.options.authorized_origin,)
        self._middleware = Middleware(create_app(instance, self.requests), instance.faults, self.requests, origins)
        self._listener = Listener(self._middleware, port)

    @classmethod
    def start(cls, *, port: int = 0, state_path: Path | None = None, **options: Any) -> LocalClerk:
        """Start a local Clerk on 127.0.0.1; port 0 means any free port. ``options`` are the fields of :class:`Options`.

        With ``state_path`` it restores the earlier state. Raises OSError if the port is taken or the file cannot be
        written, ValueError if the file is not a state file.
        """
        instance = Instance(Options(**options))
        state = None
        try:
            state = StateFile(state_path, instance) if state_path else None
            return cls(instance, port, state)
        except (OSError, ValueError):
            instance.webhook_sender.stop()
            if state:
                state.close()
            raise

    def __enter__(self) -> LocalClerk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering and sending. Open connections are closed, as in an outage."""
        self._middleware.stopping.set()
        self._listener.stop()
        self._instance.webhook_sender.stop()
        if self._state:
            self._state.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._listener.port

    @property
    def url(self) -> str:
        """The base URL of all parts: ``CLERK_API_URL``, the pages, the control API."""
        return f"http://{HOST}:{self.port}"

    @property
    def secret_key(self) -> str:
        """``CLERK_SECRET_KEY``."""
        return self._instance.identity.secret_key

    @property
    def publishable_key(self) -> str:
        """``CLERK_PUBLISHABLE_KEY``."""
        return self._instance.identity.publishable_key

    @property
    def issuer(self) -> str:
        """``iss`` of the session tokens."""
        return self._instance.identity.issuer

    @property
    def instance_id(self) -> str:
        """``instance_id`` of the webhooks, and ``kid`` of the first key."""
        return self._instance.identity.instance_id

    @property
    def cookie_suffix(self) -> str:
        """The suffix of ``__session_``."""
        return self._instance.identity.cookie_suffix

    @property
    def authorized_origin(self) -> str:
        """``CLERK_AUTHORIZED_PARTIES``."""
        return self._instance.options.authorized_origin

    @property
    def webhook_secret(self) -> str:
        """``CLERK_WEBHOOK_SIGNING_SECRET``: the newest one."""
        return self._instance.signing_secrets.current

    @property
    def public_key_pem(self) -> str:
        """``CLERK_JWT_KEY``."""
        return self._instance.keys.current.public_key_pem

    @property
    def users(self) -> Users:
        """The users."""
        return self._instance.users

    @property
    def sessions(self) -> Sessions:
        """The sessions."""
        return self._instance.sessions

    @property
    def keys(self) -> Keys:
        """The token keys."""
        return self._instance.keys

    @property
    def webhook_sender(self) -> WebhookSender:
        """The webhooks."""
        return self._instance.webhook_sender

    @property
    def faults(self) -> Faults:
        """The injected faults."""
        return self._instance.faults

    @property
    def quirks(self) -> Quirks:
        """The behaviour that Clerk's documentation does not specify."""
        return self._instance.quirks

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make a service use this Clerk."""
        return {
            "CLERK_API_URL": self.url,
            "CLERK_SECRET_KEY": self.secret_key,
            "CLERK_PUBLISHABLE_KEY": self.publishable_key,
            "CLERK_WEBHOOK_SIGNING_SECRET": self.webhook_secret,
            "CLERK_AUTHORIZED_PARTIES": self.authorized_origin,
        }

    def session_token(
        self,
        user_id: str,
        *,
        azp: str | UnsetType | None = UNSET,
        expires_in_s: int = LIFETIME_S,
        without: Collection[str] = (),
        header: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
        **claims: Any,
    ) -> str:
        """Return a token for the user's newest session, or for a new session.

        ``azp`` is the authorized origin by default; None omits it. ``claims`` and ``header`` add to or override Clerk's
        values. ``without`` omits claims and header parameters. ``key`` is another key to sign with. The user need not
        exist, so tests can use tokens of deleted users.
        """
        return self._instance.session_token(
            user_id,
            azp=self.authorized_origin if azp is UNSET else azp,
            expires_in_s=expires_in_s,
            without=without,
            header=header,
            key=key,
            claims=claims,
        )

    def random_history(self, seed: int) -> RandomHistory:
        """Return a random history for this instance; see :meth:`RandomHistory.acts`."""
        return RandomHistory(self.users, seed, self._instance.options.clock_ms)

    def rotate_webhook_secret(self, *, grace_s: float = 86_400.0) -> str:
        """Sign webhooks with a new secret, and with the old one too for ``grace_s`` seconds; return the new one."""
        return self._instance.rotate_signing_secret(grace_s)
