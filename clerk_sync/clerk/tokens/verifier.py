"""Verify session tokens.

1. Return the claims of a token that was verified before, if its time and its keys still hold.
2. Parse the token and check its header.
3. Check the signature. If it fails, fetch the key set again, at most once per cooldown.
4. Check the claims. They come last: a sender without a key must not learn which rule a token breaks.
5. Remember the verified claims.
"""

from __future__ import annotations

import time
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError, TokenError
from clerk_sync.clerk.jwks.keys import KeySet, KeySource, NoKeys
from clerk_sync.clerk.tokens.policy import Organization, SessionClaims, TokenPolicy, check_claims, check_handshake
from clerk_sync.clerk.tokens.rejection import TokenRejection

__all__ = ["Organization", "SessionClaims", "TokenPolicy", "TokenRejection", "TokenVerifier"]

REMEMBERED_TOKENS = 10_000

# Common servers accept this much in one header line. Clerk asks to keep a session token under the 4 KB of a cookie.
MAX_LENGTH = 8192

SESSION_CATEGORY = "cl_B7d4PD111AAA"
UNSPECIFIC_CATEGORY = "cl_I7d4PD111III"  # Clerk: "carries no class information"
OAUTH_TYPES = ("at+jwt", "application/at+jwt")

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")

_object = JsonDecoder(dict[str, Any])


class ParsedJwt(NamedTuple):
    """A token with a permitted header. Its claims are not verified."""

    kid: object
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


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


def parse_jwt(token: str) -> ParsedJwt:
    """Return the parts of ``token``; raise TokenError unless it has the form and the header of a session token.

    The form is three base64url parts around two JSON objects, in one spelling only: padding, line breaks, foreign
    characters and stray bits at the end of a part are refused. Of a repeated name in an object the last counts, as in
    JavaScript. NaN and Infinity are not JSON.
    """
    if len(token) > MAX_LENGTH:
        raise TokenError(TokenRejection.MALFORMED)
    try:
        signed, _, signature_part = token.encode("ascii").rpartition(b".")
        header_part, claims_part = signed.split(b".")
        header_json, claims_json = _decode_part(header_part), _decode_part(claims_part)
        signature = _decode_part(signature_part)
        header, claims = _object.decode(header_json), _object.decode(claims_json)
    except (ValueError, NotJsonError) as error:
        raise TokenError(TokenRejection.MALFORMED) from error
    _check_header(header)
    return ParsedJwt(header.get("kid"), claims, signed, signature)


def _decode_part(part: bytes) -> bytes:
    # Python's decoder skips unknown characters. Only a part that encodes back to itself is really base64url.
    octets = a2b_base64(part.translate(_TO_STANDARD) + b"==")
    if b2a_base64(octets, newline=False).translate(_TO_URLSAFE).rstrip(b"=") != part:
        raise ValueError("not canonical base64url")
    return octets


def _check_header(header: Mapping[str, Any]) -> None:
    """Raise TokenError unless ``header`` is that of a session token under RS256. Unknown parameters are fine.

    A default in ``get`` stands for "absent". JSON ``null`` is not absent: it is a wrong value.
    """
    token_type = header.get("typ", "JWT")
    if token_type in OAUTH_TYPES:
        raise TokenError(TokenRejection.WRONG_KIND)
    # All tokens of an instance share one key: without this rule a template's token would pass for a session.
    if header.get("cat", SESSION_CATEGORY) not in (SESSION_CATEGORY, UNSPECIFIC_CATEGORY):
        raise TokenError(TokenRejection.WRONG_KIND)
    if token_type != "JWT":  # noqa: S105 - a type, no password
        raise TokenError(TokenRejection.MALFORMED)
    if header.get("alg") != "RS256":
        raise TokenError(TokenRejection.WRONG_ALGORITHM)
    # RFC 7515: a verifier must refuse critical extensions that it does not understand. We understand none.
    if "crit" in header:
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
