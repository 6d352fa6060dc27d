"""The keys that verify session tokens: from a PEM, or from a key set that Clerk publishes, which is cached.

1. The set expires after five minutes. One request fetches it again; the others use the old keys meanwhile.
2. A fetch that fails, or brings no usable key, changes nothing: the old keys stay in use.
3. A token with an unknown key id or a bad signature causes a fetch. The key may be new, or rotated under its old id.
4. Each process makes at most one attempt per cooldown, even in a flood of forged tokens.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, NoReturn, Protocol

import msgspec
from cryptography.hazmat.backends import default_backend
from jose import jwk

from clerk_sync.clerk.errors import ApiError, KeysUnavailableError

if TYPE_CHECKING:
    from jose.backends.base import Key

log = logging.getLogger(__name__)

ALGORITHM = "RS256"
TIME_TO_LIVE_S = 300
# Three fetches fit into 30 s, and a new key is accepted within 35 s even if one of them fails.
COOLDOWN_S = 12
NOT_CONFIGURED_RETRY_AFTER_S = 60

# The first call imports modules. Threads that import the same modules at once can deadlock.
default_backend()


class PublicKeyEntry(msgspec.Struct, frozen=True):
    """One RSA key of a key set: its id, modulus and exponent, as published."""

    kid: str
    n: str
    e: str


@dataclass(frozen=True, eq=False, slots=True)
class KeySet:
    """Parsed keys. Compare with ``is``: another object has other keys."""

    by_id: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    without_kid: tuple[Key, ...] = ()
    """The key of a PEM, which has no id: it may have signed any token."""

    def find_keys(self, kid: object) -> tuple[Key, ...]:
        """Return the keys that may have signed a token with this ``kid``; none for an unknown or missing one."""
        if self.without_kid:
            return self.without_kid
        return self.by_id.get(kid, ()) if isinstance(kid, str) else ()


class KeySource(Protocol):
    """Supplies keys to the verifier."""

    def current(self) -> KeySet:
        """Return the keys in use; raise KeysUnavailableError if there are none yet."""

    def refreshed(self, key_set: KeySet) -> KeySet:
        """Return newer keys than ``key_set``, which did not verify a token, or ``key_set`` itself."""


def key_set_of_pem(pem: str) -> KeySet:
    """Return the key set with the one key of ``pem``."""
    return KeySet(without_kid=(jwk.construct(pem, ALGORITHM),))


def key_set_of(entries: Iterable[PublicKeyEntry]) -> KeySet:
    """Return the key set of ``entries``; two entries share an id while a key is being rotated."""
    by_id: dict[str, tuple[Key, ...]] = {}
    for entry in entries:
        by_id[entry.kid] = (*by_id.get(entry.kid, ()), build_key(entry))
    return KeySet(by_id)


def build_key(entry: PublicKeyEntry) -> Key:
    """Return the key of ``entry``; raise ValueError if its numbers are not those of an RSA key."""
    return jwk.construct({"kty": "RSA", "n": entry.n, "e": entry.e}, ALGORITHM)


class JwksCache:
    """Fetched keys; safe to share between threads."""

    def __init__(
        self,
        fetch: Callable[[], tuple[PublicKeyEntry, ...]],
        *,
        clock: Callable[[], float] = time.time,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        """``count`` is called after each fetch with its result, ``fetched`` or ``failed``."""
        self._fetch = fetch
        self._clock = clock
        self._count = count
        self._entries: tuple[PublicKeyEntry, ...] = ()
        self._key_set: KeySet | None = None
        self._attempted_at = self._fetched_at = 0.0
        self._fetching = threading.Lock()

    def current(self) -> KeySet:
        """Return the keys in use; raise KeysUnavailableError if no fetch has succeeded yet."""
        if self._key_set is None or not _is_within(TIME_TO_LIVE_S, self._fetched_at, self._clock()):
            self._refresh()
        if self._key_set is None:
            rest_s = self._attempted_at + COOLDOWN_S - self._clock()
            raise KeysUnavailableError("the key set cannot be fetched", max(1, math.ceil(rest_s)))
        return self._key_set

    def refreshed(self, key_set: KeySet) -> KeySet:
        """Return newer keys than ``key_set`` if there are some and the cooldown allows a fetch; else ``key_set``."""
        # Checked before the lock as well: a flood of forged tokens must not queue for it.
        if not self._is_cooling_down():
            self._refresh()
        return self._key_set or key_set

    def _refresh(self) -> None:
        # If there are no keys yet, wait for the fetch in progress.
        if not self._fetching.acquire(blocking=self._key_set is None):
            return
        try:
            if not self._is_cooling_down():
                self._fetch_once()
        finally:
            self._fetching.release()

    def _fetch_once(self) -> None:
        # Set before the fetch: failed attempts count as well, or an outage would cost one fetch per bad token.
        attempted_at = self._attempted_at = self._clock()
        started_at = time.monotonic()
        try:
            entries = self._fetch()
        except ApiError as error:
            log.warning("key set not fetched: %s", error)
            self._count("failed")
            return
        log.info("key set fetched: %d keys in %d ms", len(entries), (time.monotonic() - started_at) * 1000)
        self._count("fetched")
        # Keep the object if the keys are the same: tokens that were verified with it stay verified.
        if entries != self._entries:
            self._key_set = key_set_of(entries)
            self._entries = entries
        self._fetched_at = attempted_at

    def _is_cooling_down(self) -> bool:
        return _is_within(COOLDOWN_S, self._attempted_at, self._clock())


def _is_within(span_s: float, since: float, now: float) -> bool:
    # A time in the future means that the clock was set back. Waiting for it could stop fetches for hours.
    return since <= now < since + span_s


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
        """Raise KeysUnavailableError. Its text names the settings that provide keys."""
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
    """Return the first configured source: the PEM, the Backend API's key set, the frontend API's (``key_set_url``).

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
