"""Everything that is asked of a session token beside its signature: one block of rules, each with one named refusal.

A default in ``get`` stands for "absent". JSON ``null`` is not absent: it is a value, and a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.tokens.rejection import TokenRejection

SESSION_CATEGORY = "cl_B7d4PD111AAA"
UNSPECIFIC_CATEGORY = "cl_I7d4PD111III"  # Clerk: "carries no class information"
OAUTH_TYPES = ("at+jwt", "application/at+jwt")
MACHINE_PREFIX = "mch_"

# The integers that every JSON reader holds exactly: what leaves as issued_at and expires_at arrives as it was.
LARGEST_INTEGER = 2**53 - 1

_USER_ID = re.compile(r"user_[A-Za-z0-9_-]{1,64}")
_SESSION_ID = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What this deployment asks of a token beyond what Clerk's every session token is."""

    issuer: str | None
    authorized_parties: frozenset[str]
    missing_azp_allowed: bool = False
    skew_s: int = 5


def check_header(header: Mapping[str, Any]) -> None:
    """Raise TokenError unless ``header`` announces a session token under RS256; unknown parameters are fine."""
    token_type = header.get("typ", "JWT")
    if token_type in OAUTH_TYPES:
        raise TokenError(TokenRejection.WRONG_KIND)
    # All kinds of an instance's tokens share one key: without this a template's token would pass for a session.
    if header.get("cat", SESSION_CATEGORY) not in (SESSION_CATEGORY, UNSPECIFIC_CATEGORY):
        raise TokenError(TokenRejection.WRONG_KIND)
    if token_type != "JWT":  # noqa: S105 - a type, no password
        raise TokenError(TokenRejection.MALFORMED)
    if header.get("alg") != "RS256":
        raise TokenError(TokenRejection.WRONG_ALGORITHM)
    # RFC 7515: whoever does not understand a critical extension must refuse. We understand none.
    if "crit" in header:
        raise TokenError(TokenRejection.VERIFICATION_FAILED)


def check_claims(claims: Mapping[str, Any], policy: TokenPolicy, now: float) -> tuple[float, float]:
    """Raise TokenError unless ``claims`` are those of an active session; return from when until when they hold."""
    _check_subject(claims.get("sub"))
    _check_session(claims.get("sid"), claims.get("sts", "active"))
    _check_issuer(claims.get("iss", ""), policy)
    _check_authorized_party(claims, policy)
    return _check_times(claims, policy, now)


def check_handshake(claims: Mapping[str, Any], policy: TokenPolicy, now: float) -> list[str]:
    """Return the ``Set-Cookie`` directives of a handshake; raise TokenError unless it is one, of our instance, in time.

    Clerk's own verifier asks for no issuer and no times (@clerk/backend, tokens/handshake.ts), so both may be absent.
    """
    _check_issuer(claims.get("iss", policy.issuer or ""), policy)
    _check_times({"exp": LARGEST_INTEGER, "iat": 0, **claims}, policy, now)
    directives = claims.get("handshake")
    if not isinstance(directives, list) or not all(isinstance(each, str) for each in directives):
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
    return directives


def _check_subject(user_id: object) -> None:
    if not isinstance(user_id, str):
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
    if user_id.startswith(MACHINE_PREFIX):
        raise TokenError(TokenRejection.WRONG_KIND)
    if not _USER_ID.fullmatch(user_id):
        raise TokenError(TokenRejection.VERIFICATION_FAILED)


def _check_session(session_id: object, status: object) -> None:
    if not isinstance(session_id, str) or not _SESSION_ID.fullmatch(session_id):
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
    # "pending" is a sign-in with a task left to do; to a back end that is signed out.
    if status != "active":
        raise TokenError(TokenRejection.VERIFICATION_FAILED)


def _check_issuer(issuer: object, policy: TokenPolicy) -> None:
    if not isinstance(issuer, str) or (policy.issuer is not None and issuer != policy.issuer):
        raise TokenError(TokenRejection.VERIFICATION_FAILED)


def _check_authorized_party(claims: Mapping[str, Any], policy: TokenPolicy) -> None:
    parties = policy.authorized_parties
    if "azp" not in claims:
        if parties and not policy.missing_azp_allowed:
            raise TokenError(TokenRejection.WRONG_PARTY)
        return
    azp = claims["azp"]
    if not isinstance(azp, str) or (parties and azp not in parties):
        raise TokenError(TokenRejection.WRONG_PARTY)


def _check_times(claims: Mapping[str, Any], policy: TokenPolicy, now: float) -> tuple[float, float]:
    expires_at = _number(claims.get("exp"))
    issued_at = _number(claims.get("iat"))
    not_before = _number(claims.get("nbf", issued_at))
    if now >= expires_at + policy.skew_s:
        raise TokenError(TokenRejection.EXPIRED)
    if issued_at > now + policy.skew_s:
        raise TokenError(TokenRejection.ISSUED_IN_THE_FUTURE)
    if not_before > now + policy.skew_s:
        raise TokenError(TokenRejection.NOT_YET_VALID)
    return max(issued_at, not_before) - policy.skew_s, expires_at + policy.skew_s


def _number(value: object) -> float:
    # In Python, and only there, true is a 1.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST_INTEGER:
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
    return value
