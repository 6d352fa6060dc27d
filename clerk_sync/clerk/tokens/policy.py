"""The rules for the claims of a signed token, each with its rejection, and the verified claims.

A default in ``get`` stands for "absent". JSON ``null`` is not absent: it is a wrong value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.tokens.rejection import TokenRejection

MACHINE_PREFIX = "mch_"

# Every JSON parser reads these integers exactly, so clients get issued_at and expires_at unchanged.
LARGEST_INTEGER = 2**53 - 1

_USER_ID = re.compile(r"user_[A-Za-z0-9_-]{1,64}")
_SESSION_ID = re.compile(r"[ -~]{1,128}")
_IMPERSONATOR_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """The rules that depend on the deployment."""

    issuer: str | None
    authorized_parties: frozenset[str]
    missing_azp_allowed: bool = False
    skew_s: int = 5


@dataclass(frozen=True, slots=True)
class Organization:
    """The active organization of the session."""

    id: str
    slug: str | None
    role: str | None
    """Always with the ``org:`` prefix."""


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """Proof of a signed-in user; only ``TokenVerifier`` makes it. Times are Unix seconds."""

    user_id: str
    session_id: str
    issued_at: int
    expires_at: int
    org: Organization | None
    impersonator_id: str | None
    """The user who impersonates the signed-in user (``act.sub``); for logs."""


def check_claims(claims: Mapping[str, Any], policy: TokenPolicy, now: float) -> tuple[SessionClaims, float, float]:
    """Return the verified claims and the times from and until which they hold; raise TokenError otherwise."""
    _check_subject(claims.get("sub"))
    _check_session(claims.get("sid"), claims.get("sts", "active"))
    _check_issuer(claims.get("iss", ""), policy)
    _check_authorized_party(claims, policy)
    valid_from, valid_until = _check_times(claims, policy, now)
    verified = SessionClaims(
        user_id=claims["sub"],
        session_id=claims["sid"],
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
        org=_find_organization(claims),
        impersonator_id=_find_impersonator(claims),
    )
    return verified, valid_from, valid_until


def check_handshake(claims: Mapping[str, Any], policy: TokenPolicy, now: float) -> list[str]:
    """Return the ``Set-Cookie`` directives of a handshake; raise TokenError unless it is valid and of our instance.

    Issuer and times may be absent: Clerk's own verifier requires neither (@clerk/backend, tokens/handshake.ts).
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
    # "pending" is a sign-in with an unfinished task. A back end treats it as signed out.
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
    # bool is a subclass of int: true would pass as 1.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST_INTEGER:
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
    return value


def _find_organization(claims: Mapping[str, Any]) -> Organization | None:
    # Clerk's own parser reads everything but 2 as version 1.
    if claims.get("v") == 2:
        compact = claims.get("o")
        return _organization(compact, "id", "slg", "rol") if isinstance(compact, dict) else None
    return _organization(claims, "org_id", "org_slug", "org_role")


def _find_impersonator(claims: Mapping[str, Any]) -> str | None:
    actor = claims.get("act")
    actor_id = actor.get("sub") if isinstance(actor, dict) else None
    # It goes into log lines: a line break would forge one.
    return actor_id if isinstance(actor_id, str) and _IMPERSONATOR_ID.fullmatch(actor_id) else None


def _organization(source: Mapping[str, Any], id_name: str, slug_name: str, role_name: str) -> Organization | None:
    organization_id = _find_text(source, id_name)
    if organization_id is None:
        return None
    role = _find_text(source, role_name)
    # Version 2 omits the prefix; Clerk's Python SDK does not restore it.
    prefixed = role if role is None or role.startswith("org:") else f"org:{role}"
    return Organization(organization_id, _find_text(source, slug_name), prefixed)


def _find_text(source: Mapping[str, Any], name: str) -> str | None:
    value = source.get(name)
    return value if isinstance(value, str) and value else None
