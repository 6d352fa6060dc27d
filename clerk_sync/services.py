"""The objects that an application builds once from its settings. Each imports its libraries when it is first used.

``ClerkSync.init_app`` stores them in the Flask application, and ``services()`` finds those of the current one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from flask import Flask, current_app

from clerk_sync.db.connect import load_embedded
from clerk_sync.db.search_path import SearchPath
from clerk_sync.mirror.migrations import mirror_history
from clerk_sync.settings.settings import MissingAzp

if TYPE_CHECKING:
    from clerk_sync.clerk.api.client import ClerkApi
    from clerk_sync.clerk.tokens.verifier import TokenVerifier
    from clerk_sync.clerk.webhooks.signature import WebhookVerifier
    from clerk_sync.db.connect import ConnectionFactory
    from clerk_sync.db.history import History
    from clerk_sync.db.pool import ConnectionPool
    from clerk_sync.mirror.inbox.group_commit import GroupCommit
    from clerk_sync.settings.settings import Settings

WEBHOOK_PATH = "/api/webhooks/clerk"

_KEY = "clerk_sync"


class Services:
    """Clients of Clerk, verifiers, and access to the database."""

    def __init__(self, settings: Settings, connect: ConnectionFactory) -> None:
        self.settings = settings
        self.webhook_path = WEBHOOK_PATH
        self.has_health_routes = True
        self.histories: tuple[History, ...] = (mirror_history(settings.schema),)
        self.connect = replace(connect, search_path=SearchPath((settings.schema,)))

    def add_history(self, history: History) -> None:
        """Add tables that share the pool and the checks of the database. Call this before the pool is used."""
        self.histories = (*(replace(each, command=history.command) for each in self.histories), history)

    @cached_property
    def pool(self) -> ConnectionPool:
        """The connections of a web worker. None is opened before the first use."""
        from clerk_sync.db.pool import ConnectionPool

        schemas = dict.fromkeys(history.schema for history in self.histories)
        return ConnectionPool(self.connect, SearchPath(tuple(schemas)))

    @cached_property
    def group_commit(self) -> GroupCommit:
        """Applies verified deliveries to the mirror."""
        from clerk_sync.mirror.inbox.group_commit import GroupCommit

        return GroupCommit(self.pool)

    @cached_property
    def webhooks(self) -> WebhookVerifier | None:
        """The verifier of webhook deliveries, or None if no signing secret is configured."""
        from clerk_sync.clerk.webhooks.signature import WebhookVerifier

        secrets = self.settings.webhook_signing_secrets
        return WebhookVerifier(secrets) if secrets else None

    @cached_property
    def tokens(self) -> TokenVerifier:
        """The verifier of session tokens. It fetches keys with the first token."""
        from clerk_sync.clerk.jwks.keys import key_source_from
        from clerk_sync.clerk.tokens.verifier import TokenPolicy, TokenVerifier

        settings = self.settings
        publishable_key = settings.publishable_key
        keys = key_source_from(
            jwt_key=settings.jwt_key,
            api_url=settings.api_url,
            secret_key=settings.secret_key,
            key_set_url=publishable_key.key_set_url if publishable_key else None,
            count_fetch=_count_key_fetch,
        )
        policy = TokenPolicy(
            issuer=settings.issuer,
            authorized_parties=frozenset(settings.authorized_parties),
            missing_azp_allowed=settings.missing_azp is MissingAzp.ALLOW,
        )
        return TokenVerifier(keys, policy)

    @cached_property
    def clerk(self) -> ClerkApi | None:
        """Clerk's Backend API, or None if no secret key is configured."""
        from clerk_sync.clerk.api.client import ClerkApi
        from clerk_sync.clerk.api.transport import Transport, limiter_for

        secret_key = self.settings.secret_key
        if secret_key is None:
            return None
        return ClerkApi(Transport(self.settings.api_url, secret_key, limiter=limiter_for(secret_key)))

    def warm_up(self) -> None:
        """Build what requests need. Threads that import the same modules at once can deadlock."""
        _ = self.pool, self.group_commit, self.webhooks, self.tokens
        if self.settings.database_url is None:
            with suppress(RuntimeError):  # not installed: the first connection raises it again
                load_embedded()


def _count_key_fetch(result: str) -> None:
    # Only web workers fetch keys. Commands need not load the metrics library.
    from clerk_sync.telemetry.metrics import metrics

    metrics().key_fetches.labels(result).inc()


def install_services(app: Flask, services: Services) -> None:
    """Store ``services`` in ``app``, where ``services()`` finds them."""
    app.extensions[_KEY] = services


def has_services(app: Flask) -> bool:
    """Return whether the extension has joined ``app``."""
    return _KEY in app.extensions


def services() -> Services:
    """Return the services of the current application."""
    return get_services(current_app)


def get_services(app: Flask) -> Services:
    """Return the services of ``app``; raise RuntimeError if the extension has not joined it."""
    try:
        found: Services = app.extensions[_KEY]
    except KeyError:
        raise RuntimeError("This application does not have the extension: call ClerkSync().init_app(app).") from None
    return found
