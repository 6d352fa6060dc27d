"""Sources of keys for session tokens: a PEM, a key set of Clerk's, or none."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import NoReturn

from clerk_sync.clerk.errors import KeysUnavailableError
from clerk_sync.clerk.jwks.cache import JwksCache, KeySet, KeySource, key_set_of_pem

NOT_CONFIGURED_RETRY_AFTER_S = 60


class PemKey:
    """The one key of ``CLERK_JWT_KEY``. Never uses the network."""

    def __init__(self, pem: str) -> None:
        self._pem = pem

    @cached_property
    def _key_set(self) -> KeySet:
        return key_set_of_pem(self._pem)

    def current(self) -> KeySet:
        """Return the key."""
        return self._key_set

    def refreshed(self, key_set: KeySet) -> KeySet:
        """Return ``key_set``: there is no other key."""
        return key_set


class NoKeys:
    """No source is configured."""

    def current(self) -> NoReturn:
        """Raise KeysUnavailableError, whose text names the settings to make."""
        raise KeysUnavailableError(
            "no key is configured: set CLERK_JWT_KEY, CLERK_SECRET_KEY or CLERK_PUBLISHABLE_KEY",
            NOT_CONFIGURED_RETRY_AFTER_S,
        )

    def refreshed(self, key_set: KeySet) -> KeySet:
        """Return ``key_set``."""
        return key_set


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

    Nothing is fetched before the first token.
    """
    if jwt_key is not None:
        return PemKey(jwt_key)
    if secret_key is not None:
        key_set_url = f"{api_url}/v1/jwks"
    if key_set_url is None:
        return NoKeys()
    # Imported here because a deployment with a PEM needs no HTTP client.
    from clerk_sync.clerk.jwks.fetch import fetch_key_set

    return JwksCache(partial(fetch_key_set, key_set_url, secret_key), clock=clock, count=count_fetch)
