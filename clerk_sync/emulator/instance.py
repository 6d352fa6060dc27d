"""One Clerk instance without its HTTP server: users, sessions, keys and webhooks."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import has_request_context, request

from clerk_sync.emulator.backend_api.rate_limit import RateLimit
from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.faults import Faults
from clerk_sync.emulator.identity import Identity, Ids, local_identity
from clerk_sync.emulator.sessions.keys import Keys, SigningKey
from clerk_sync.emulator.sessions.sessions import Sessions
from clerk_sync.emulator.sessions.tokens import LIFETIME_S, mint, session_claims
from clerk_sync.emulator.users.user_actions import UserActions
from clerk_sync.emulator.users.user_store import UserStore
from clerk_sync.emulator.users.users import Users
from clerk_sync.emulator.webhooks.http_post import HttpPost, Secrets
from clerk_sync.emulator.webhooks.messages import State
from clerk_sync.emulator.webhooks.schedule import Schedule
from clerk_sync.emulator.webhooks.webhook_sender import WebhookSender


@dataclass(slots=True)
class Quirks:
    """Behaviour that Clerk's documentation does not specify. A client must work with either; tests may change it."""

    window_ends_belong: bool = False
    """Whether ``created_at_after`` and ``_before`` include their own millisecond."""

    deleted_cursor_works: bool = True
    """Whether ``starting_after`` may name a deleted user; otherwise 422."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of an instance. Each can be an argument of :meth:`LocalClerk.start`."""

    instance: int = 1
    """Each number is a separate instance, with its own secrets and ``kid``, which never change. The signing key is new
    at each start, unless a state file keeps it."""

    webhook_url: str | Sequence[str] | None = None
    """The endpoint of webhooks. Several URLs are used in turn, as a load balancer does."""

    authorized_origin: str = "http://127.0.0.1:5000"
    """The front end: ``azp`` of session tokens, and the target of redirects."""

    event_types: Sequence[str] = ("user.*",)
    """The event types that the endpoint is subscribed to; ``("*",)`` adds sessions."""

    schedule_factor: float = 1.0
    """Scales the retry schedule: 0.001 turns five minutes into 0.3 seconds."""

    senders: int = 4
    """Number of sender threads; with 1, deliveries keep their order."""

    delivery_timeout_s: float = 15.0
    rate_limit: tuple[int, float] | None = None
    """Requests and seconds; Clerk's limit for test keys is ``(100, 10.0)``."""

    clock_ms: Callable[[], int] = wall_clock_ms
    """The clock of ``created_at`` and ``updated_at``; tokens and signatures always use the true time."""

    seed: int | None = None
    """Makes ids and faults the same in every run."""

    history: int = 100_000
    """How many requests, messages and deliveries are remembered."""

    quirks: Quirks = field(default_factory=Quirks)

    @property
    def webhook_urls(self) -> list[str]:
        """The endpoint's addresses."""
        if self.webhook_url is None:
            return []
        return [self.webhook_url] if isinstance(self.webhook_url, str) else list(self.webhook_url)


class Instance:
    """The users, sessions, keys, webhooks and faults of one instance."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.quirks = options.quirks
        self.identity: Identity = local_identity(options.instance)
        self.ids = Ids(options.seed)
        self.faults = Faults(options.seed or 0)
        self.rate_limit = RateLimit(*options.rate_limit, time.monotonic) if options.rate_limit else None
        self.keys = Keys(self.identity.instance_id, lambda: self.ids.new("ins", wall_clock_ms()))
        self.signing_secrets = Secrets(self.identity.webhook_secret)
        self.webhook_sender = WebhookSender(
            instance_id=self.identity.instance_id,
            http_post=HttpPost(self.signing_secrets, timeout_s=options.delivery_timeout_s, connections=options.senders),
            webhook_faults=self.faults.webhooks,
            ids=self.ids,
            schedule=Schedule(options.schedule_factor),
            urls=options.webhook_urls,
            event_types=options.event_types,
            attributes=_event_attributes,
            senders=options.senders,
            history=options.history,
        )
        self.user_store = UserStore()
        self.sessions = Sessions(self.user_store, self.ids, wall_clock_ms, self.webhook_sender.emit)
        self.user_actions = UserActions(
            self.user_store, self.sessions, self.ids, options.clock_ms, self.webhook_sender.emit
        )
        self.users = Users(self.user_store, self.user_actions, self.ids, options.clock_ms)

    @property
    def revision(self) -> tuple[object, ...]:
        """A value that differs after every change that the state file saves."""
        settled = sum(message.state is not State.WAITING for message in list(self.webhook_sender.messages.values()))
        return (
            self.user_store.revision,
            self.sessions.revision,
            self.keys.current.public_key_pem,
            self.signing_secrets.current,
            len(self.webhook_sender.messages),
            settled,
        )

    def session_jwt(self, session_id: str, user_id: str, *, azp: str | None, expires_in_s: int = LIFETIME_S) -> str:
        """Return a fresh token of the session."""
        return mint(self.keys.current, self._claims(session_id, user_id, azp, expires_in_s))

    def session_token(
        self,
        user_id: str,
        *,
        azp: str | None,
        expires_in_s: int,
        without: Collection[str],
        header: Mapping[str, Any] | None,
        key: SigningKey | None,
        claims: Mapping[str, Any],
    ) -> str:
        """Return a token for the user's session, or for a new one if there is none; see LocalClerk."""
        session_id = claims.get("sid") or self._session_id_for(user_id)
        full = {**self._claims(session_id, user_id, azp, expires_in_s), **claims}
        kept = {name: value for name, value in full.items() if name not in without}
        return mint(key or self.keys.current, kept, header=header, without=without)

    def rotate_signing_secret(self, grace_s: float) -> str:
        """Sign webhooks with a new secret, and with the old one too for ``grace_s`` seconds; return the new one."""
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.signing_secrets.rotate(secret, grace_s)
        return secret

    def _session_id_for(self, user_id: str) -> str:
        if self.user_store.find(user_id) is None:
            return self.ids.new("sess", wall_clock_ms())
        session = self.sessions.active_of(user_id) or self.sessions.create(user_id)
        return session.id

    def _claims(self, session_id: str, user_id: str, azp: str | None, expires_in_s: int) -> dict[str, Any]:
        now_ms = wall_clock_ms()
        return session_claims(
            issuer=self.identity.issuer,
            user_id=user_id,
            session_id=session_id,
            jti=self.ids.new("jti", now_ms),
            now_s=now_ms // 1000,
            expires_in_s=expires_in_s,
            azp=azp,
        )


def _event_attributes() -> dict[str, Any]:
    """Return the cause of the event: the current request, or this process."""
    if not has_request_context():
        return {"http_request": {"client_ip": "127.0.0.1", "user_agent": "local-clerk"}}
    return {"http_request": {"client_ip": request.remote_addr or "", "user_agent": request.user_agent.string}}
