"""Session tokens, version 2, as Clerk makes them, and invalid ones for tests."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from clerk_sync.emulator.sessions.keys import SigningKey

SESSION_CATEGORY = "cl_B7d4PD111AAA"
LIFETIME_S = 60
NBF_SKEW_S = 10  # in real tokens nbf is ten seconds before iat


def session_claims(
    *, issuer: str, user_id: str, session_id: str, jti: str, now_s: int, expires_in_s: int, azp: str | None
) -> dict[str, Any]:
    """Return the claims of a session token; without ``azp`` if the request had no Origin."""
    claims: dict[str, Any] = {
        "exp": now_s + expires_in_s,
        "fva": [0, -1],
        "iat": now_s,
        "iss": issuer,
        "jti": jti.removeprefix("jti_"),
        "nbf": now_s - NBF_SKEW_S,
        "sid": session_id,
        "sts": "active",
        "sub": user_id,
        "v": 2,
    }
    return claims if azp is None else {"azp": azp, **claims}


def mint(
    key: SigningKey,
    claims: Mapping[str, Any],
    *,
    header: Mapping[str, Any] | None = None,
    without: Collection[str] = (),
) -> str:
    """Return the signed token. ``header`` adds to or overrides Clerk's header; ``without`` omits parameters of it."""
    full_header = {"alg": "RS256", "cat": SESSION_CATEGORY, "kid": key.kid, "typ": "JWT", **(header or {})}
    kept_header = {name: value for name, value in full_header.items() if name not in without}
    message = b".".join(_base64url(msgspec.json.encode(part)) for part in (kept_header, claims))
    return b".".join((message, _base64url(key.sign(message)))).decode()


def _base64url(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
