"""Verify session tokens.

1. Return the claims of a token that was verified before, if its time and its keys still hold.
2. Parse the token and check its header.
3. Check the signature. If it fails, fetch the key set again, at most once per cooldown.
4. Check the claims. They come last: a sender without a key must not learn which rule a token breaks.
5. Remember the verified claims.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.cache import KeySet, KeySource
from clerk_sync.clerk.jwks.sources import NoKeys
from clerk_sync.clerk.tokens.jwt import ParsedJwt, parse_jwt
from clerk_sync.clerk.tokens.policy import Organization, SessionClaims, TokenPolicy, check_claims, check_handshake
from clerk_sync.clerk.tokens.rejection import TokenRejection

__all__ = ["Organization", "SessionClaims", "TokenPolicy", "TokenRejection", "TokenVerifier"]

REMEMBERED_TOKENS = 10_000


class VerifiedToken(NamedTuple):
    """Verified claims, the keys they were verified with, and the times from and until which they hold."""

    claims: SessionClaims
    key_set: KeySet
    valid_from: float
    valid_until: float


class TokenVerifier:
    """Verifies session tokens and remembers the results; safe to share between threads.

    The token's expiry and a change of the key set end a remembered result at once.
    """

    def __init__(
        self,
        keys: KeySource,
        policy: TokenPolicy,
        *,
        clock: Callable[[], float] = time.time,
        remembered_tokens: int = REMEMBERED_TOKENS,
    ) -> None:
        self.keys = keys
        self._policy = policy
        self._clock = clock
        self._capacity = remembered_tokens
        self._verified: OrderedDict[str, VerifiedToken] = OrderedDict()

    def verify(self, token: str) -> SessionClaims:
        """Return the verified claims of ``token``.

        Raises TokenError if the token is refused, KeysUnavailableError if there is no key to verify it with.
        """
        known = self._verified.get(token)
        if known is not None and known.key_set is self.keys.current() and self._is_in_time(known):
            return known.claims
        return self._verify_anew(token)

    def find_user(self, token: str) -> str | None:
        """Return the user of a genuine session token, even if it has expired, else None."""
        try:
            return self.verify(token).user_id
        except TokenError as error:
            if error.reason != TokenRejection.EXPIRED:
                return None
        # Expiry is checked after the signature and the subject.
        return str(parse_jwt(token).claims["sub"])

    def verify_handshake(self, token: str) -> list[str]:
        """Return the ``Set-Cookie`` directives of a handshake; raise TokenError or KeysUnavailableError as ``verify``.

        Clerk signs a handshake with the keys and the kind of header of a session token.
        """
        parsed = parse_jwt(token)
        self._check_signature(parsed)
        return check_handshake(parsed.claims, self._policy, self._clock())

    def require_configured(self) -> None:
        """Raise KeysUnavailableError if no source of keys is configured: then no token can be verified."""
        if isinstance(self.keys, NoKeys):
            self.keys.current()

    def _is_in_time(self, verified: VerifiedToken) -> bool:
        return verified.valid_from <= self._clock() < verified.valid_until

    def _verify_anew(self, token: str) -> SessionClaims:
        parsed = parse_jwt(token)
        key_set = self._check_signature(parsed)
        claims, valid_from, valid_until = check_claims(parsed.claims, self._policy, self._clock())
        self._verified[token] = VerifiedToken(claims, key_set, valid_from, valid_until)
        # Drop the oldest first. Session tokens live equally long, so it is the first to expire.
        if len(self._verified) > self._capacity:
            self._verified.popitem(last=False)
        return claims

    def _check_signature(self, parsed: ParsedJwt) -> KeySet:
        """Return the key set that verifies the signature; raise TokenError if none does."""
        key_set = self.keys.current()
        if _is_signed(parsed, key_set):
            return key_set
        # The key may be new, or rotated under its old id.
        newer = self.keys.refreshed(key_set)
        if newer is not key_set and _is_signed(parsed, newer):
            return newer
        is_known = newer.find_keys(parsed.kid)
        raise TokenError(TokenRejection.WRONG_SIGNATURE if is_known else TokenRejection.UNKNOWN_KEY)


def _is_signed(parsed: ParsedJwt, key_set: KeySet) -> bool:
    return any(key.verify(parsed.signed, parsed.signature) for key in key_set.find_keys(parsed.kid))
