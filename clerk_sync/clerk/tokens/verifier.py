"""Session tokens: from a string to a proof, or to one word why not.

The signature comes before the claims: whoever cannot sign learns nothing about the rules.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.cache import KeySet, KeySource
from clerk_sync.clerk.jwks.sources import NoKeys
from clerk_sync.clerk.tokens.claims import Organization, SessionClaims, read_claims
from clerk_sync.clerk.tokens.jwt import CompactToken, parse_compact
from clerk_sync.clerk.tokens.policy import TokenPolicy, check_claims, check_handshake, check_header
from clerk_sync.clerk.tokens.rejection import TokenRejection

__all__ = ["Organization", "SessionClaims", "TokenPolicy", "TokenRejection", "TokenVerifier"]

REMEMBERED_TOKENS = 10_000


class VerifiedToken(NamedTuple):
    """Verified claims, the keys they were verified with, and from when until when they hold."""

    claims: SessionClaims
    key_set: KeySet
    valid_from: float
    valid_until: float


class TokenVerifier:
    """Proves session tokens and remembers the proofs; safe to share between threads.

    A proof is good for its own time and its own keys: the token's expiry and a change of the key set end it at once.
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
        self._proofs: OrderedDict[str, VerifiedToken] = OrderedDict()

    def verify(self, token: str) -> SessionClaims:
        """Return what ``token`` proves.

        Raises TokenError where it proves nothing, and KeysUnavailable where that cannot be told now.
        """
        proof = self._proofs.get(token)
        if proof is not None and proof.key_set is self.keys.current() and self._is_in_time(proof):
            return proof.claims
        return self._verify_afresh(token)

    def find_user(self, token: str) -> str | None:
        """Return whose session ``token`` is or was: the user of a genuine token, even if it has expired, else None."""
        try:
            return self.verify(token).user_id
        except TokenError as error:
            if error.reason != TokenRejection.EXPIRED:
                return None
        # Expiry is looked at after the signature and every other claim that names somebody.
        return read_claims(parse_compact(token).claims).user_id

    def verify_handshake(self, token: str) -> list[str]:
        """Return the ``Set-Cookie`` directives of a handshake; raise TokenError or KeysUnavailable as ``verify`` does.

        Clerk signs a handshake with the keys and the kind of header of a session token.
        """
        parts = parse_compact(token)
        check_header(parts.header)
        self._check_signature(parts)
        return check_handshake(parts.claims, self._policy, self._clock())

    def require_configured(self) -> None:
        """Raise KeysUnavailable where no key is configured: then no token whatever could be proven."""
        if isinstance(self.keys, NoKeys):
            self.keys.current()

    def _is_in_time(self, proof: VerifiedToken) -> bool:
        return proof.valid_from <= self._clock() < proof.valid_until

    def _verify_afresh(self, token: str) -> SessionClaims:
        parts = parse_compact(token)
        check_header(parts.header)
        key_set = self._check_signature(parts)
        valid_from, valid_until = check_claims(parts.claims, self._policy, self._clock())
        proof = VerifiedToken(read_claims(parts.claims), key_set, valid_from, valid_until)
        self._remember(token, proof)
        return proof.claims

    def _check_signature(self, parts: CompactToken) -> KeySet:
        """Return the ring that the signature holds under."""
        key_set = self.keys.current()
        if _is_signed(parts, key_set):
            return key_set
        # A key may be new, or rotated under its old id: both deserve one look at the source.
        newer = self.keys.refreshed(key_set)
        if newer is not key_set and _is_signed(parts, newer):
            return newer
        raise TokenError(
            TokenRejection.WRONG_SIGNATURE if newer.find_keys(parts.header.get("kid")) else TokenRejection.UNKNOWN_KEY
        )

    def _remember(self, token: str, proof: VerifiedToken) -> None:
        self._proofs[token] = proof
        # The oldest goes first. Session tokens live equally long, so it is the one that expires first, too.
        if len(self._proofs) > self._capacity:
            self._proofs.popitem(last=False)


def _is_signed(parts: CompactToken, key_set: KeySet) -> bool:
    return any(key.verify(parts.signed, parts.signature) for key in key_set.find_keys(parts.header.get("kid")))
