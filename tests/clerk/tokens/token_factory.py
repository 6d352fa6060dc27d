"""Clerk instances for tests: real RSA keys, and valid and invalid tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.keys import PemKey
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import SessionClaims, TokenPolicy, TokenVerifier

NOW = 1_800_000_000
PARTY = "https://app.example.com"
ISSUER = "https://clerk.example.com"
USER_ID = "user_2abcdefghijklmnopqrstuvwxyz"
SESSION_ID = "sess_2abcdefghijklmnopqrstuvwxyz"

POLICY = TokenPolicy(issuer=ISSUER, authorized_parties=frozenset({PARTY}))


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Instance:
    """One Clerk instance: a key pair and its id."""

    kid: str
    private: rsa.RSAPrivateKey = field(
        repr=False, default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )

    def mint(
        self,
        *,
        header: Mapping[str, Any] | None = None,
        without: Collection[str] = (),
        **claims: Any,
    ) -> str:
        """Return a session token (version 2) with these header and claim changes, and ``without`` those of either."""
        whole_header = {"alg": "RS256", "kid": self.kid, "typ": "JWT"} | dict(header or {})
        whole_claims = session_claims() | claims
        return self.sign(
            *(
                json.dumps({name: value for name, value in part.items() if name not in without}).encode()
                for part in (whole_header, whole_claims)
            )
        )

    def sign(self, header: bytes, claims: bytes) -> str:
        """Return the token of exactly these bytes."""
        signed = f"{encode(header)}.{encode(claims)}"
        signature = self.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encode(signature)}"

    @cached_property
    def pem(self) -> str:
        """The public key as the Dashboard shows it."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public key as the key set lists it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": "RS256",
            "n": encode(numbers.n.to_bytes(256, "big")),
            "e": encode(numbers.e.to_bytes(3, "big")),
        }


def session_claims() -> dict[str, Any]:
    """Return Clerk's claims of a session at ``NOW``."""
    return {
        "azp": PARTY,
        "exp": NOW + 60,
        "fva": [0, -1],
        "iat": NOW,
        "iss": ISSUER,
        "jti": "3f1b7c2a9d",
        "nbf": NOW - 10,
        "sid": SESSION_ID,
        "sts": "active",
        "sub": USER_ID,
        "v": 2,
    }


def encode(octets: bytes) -> str:
    """Return the base64url of a token's part."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


OURS = Instance("ins_2ours")
FOREIGN = Instance("ins_2foreign")


def verifier(policy: TokenPolicy = POLICY, *, now: float = NOW) -> TokenVerifier:
    """Return a verifier with our PEM key whose clock shows ``now``."""
    return TokenVerifier(PemKey(OURS.pem), policy, clock=lambda: now)


def prove(token: str, policy: TokenPolicy = POLICY, *, now: float = NOW) -> SessionClaims:
    """Return the claims that a new verifier returns for ``token``."""
    return verifier(policy, now=now).verify(token)


def refusal(token: str, policy: TokenPolicy = POLICY, *, now: float = NOW) -> TokenRejection | None:
    """Return why ``token`` is refused, or None if it is accepted."""
    try:
        prove(token, policy, now=now)
    except TokenError as error:
        return TokenRejection(error.reason)
    return None
