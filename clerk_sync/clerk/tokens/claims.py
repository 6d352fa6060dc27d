"""What a verified session token says, free of the version it says it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PRINTABLE_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Organization:
    """The organisation that is active in the session."""

    id: str
    slug: str | None
    role: str | None
    """With the ``org:`` prefix, whatever the token's version."""


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """Proof of who is signed in; only ``TokenVerifier`` makes it. Times are Unix seconds."""

    user_id: str
    session_id: str
    issued_at: int
    expires_at: int
    organization: Organization | None
    impersonator_id: str | None
    """Who acts as the user (``act.sub``); for logs."""


def read_claims(claims: Mapping[str, Any]) -> SessionClaims:
    """Return what ``claims`` say; they have passed every rule of ``token_rules``."""
    return SessionClaims(
        user_id=claims["sub"],
        session_id=claims["sid"],
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
        organization=_find_organization(claims),
        impersonator_id=_find_impersonator(claims),
    )


def _find_organization(claims: Mapping[str, Any]) -> Organization | None:
    # Clerk's own parser: anything but 2 is read as version 1.
    if claims.get("v") == 2:
        compact = claims.get("o")
        return _organization(compact, "id", "slg", "rol") if isinstance(compact, dict) else None
    return _organization(claims, "org_id", "org_slug", "org_role")


def _find_impersonator(claims: Mapping[str, Any]) -> str | None:
    actor = claims.get("act")
    actor_id = actor.get("sub") if isinstance(actor, dict) else None
    # It goes into log lines, so it must be fit for one.
    return actor_id if isinstance(actor_id, str) and _PRINTABLE_ID.fullmatch(actor_id) else None


def _organization(source: Mapping[str, Any], id_name: str, slug_name: str, role_name: str) -> Organization | None:
    organization_id = _find_text(source, id_name)
    if organization_id is None:
        return None
    role = _find_text(source, role_name)
    # Version 2 leaves the prefix out; Clerk's Python SDK forgets to put it back.
    prefixed = role if role is None or role.startswith("org:") else f"org:{role}"
    return Organization(organization_id, _find_text(source, slug_name), prefixed)


def _find_text(source: Mapping[str, Any], name: str) -> str | None:
    value = source.get(name)
    return value if isinstance(value, str) and value else None
