"""Where the keys for session tokens come from: a PEM, a key set of Clerk's, or nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import NoReturn

from clerk_sync.clerk.errors import KeysUnavailableError
from clerk_sync.clerk.jwks.cache import JwksCache
from clerk_sync.clerk.jwks.key_set import KeySet, KeySource, ring_of_pem
from clerk_sync.clerk.jwks.key_shelf import shelf_of_this_server

NOT_CONFIGURED_RETRY_AFTER_S = 60


class PemKey:
    """The one key that the deployment was given. Never touches the network."""

    def __init__(self, pem: str) -> None:
        self._pem = pem

    @cached_property
    def _ring(self) -> KeySet:
        return ring_of_pem(self._pem)

    def current(self) -> KeySet:
        """Return the key."""
        return self._ring

    def renewed(self, ring: KeySet) -> KeySet:
        """Return ``ring``: there is no other key."""
        return ring


class NoKeys:
    """No source is configured."""

    def current(self) -> NoReturn:
        """Raise KeysUnavailable; its text is the mend."""
        raise KeysUnavailableError(
            "no key is configured: set CLERK_JWT_KEY, CLERK_SECRET_KEY or CLERK_PUBLISHABLE_KEY",
            NOT_CONFIGURED_RETRY_AFTER_S,
        )

    def renewed(self, ring: KeySet) -> KeySet:
        """Return ``ring``."""
        return ring


def key_source_from(
    *,
    jwt_key: str | None,
    api_url: str,
    secret_key: str | None,
    key_set_url: str | None,
    clock: Callable[[], float] = time.time,
    count_fetch: Callable[[str], object] = lambda _: None,
) -> KeySource:
    """Return the first that is configured: the PEM, the Backend API's key set, the frontend API's (``key_set_url``).

    Touches neither network nor disk; the first token does.
    """
    if jwt_key is not None:
        return PemKey(jwt_key)
    if secret_key is not None:
        key_set_url = f"{api_url}/v1/jwks"
    if key_set_url is None:
        return NoKeys()
    # Only now: it loads requests, which a PEM does without.
    from clerk_sync.clerk.jwks.fetch import fetch_key_set

    fetch = partial(fetch_key_set, key_set_url, secret_key)
    return JwksCache(fetch, shelf_of_this_server(key_set_url, secret_key), clock=clock, count=count_fetch)
