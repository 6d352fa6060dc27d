"""Who is signed in: as the token proves it, and as the mirror knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.clerk.tokens.claims import Organization, SessionClaims
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.shop.fields import Instant
from clerk_sync.web import auth
from clerk_sync.web.docs.api_doc import describe
from clerk_sync.web.responses import json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from clerk_sync.services import Services

account = Blueprint("account", __name__)


class SessionAnswer(Struct):
    """What the session token proves. Times are Unix seconds."""

    user_id: str
    session_id: str
    issued_at: int
    expires_at: int
    org: Organization | None


class Me(Struct):
    """The local user. Nothing that is sent to this API changes a role."""

    id: int
    clerk_id: str
    email: str | None
    email_verified: bool
    first_name: str | None
    last_name: str | None
    name: str
    image_url: str | None
    role: str
    created_at: Instant


@account.get("/session")
@describe(SessionAnswer)
def show_session() -> Response:
    """Show what the session token proves; no database is asked."""
    return json_response(_session_answer(auth.claims()))


@account.get("/me")
@describe(Me)
def show_me() -> Response:
    """Show the local user; the first request of a new user makes the row."""
    return json_response(_me(auth.current_user()))


def express_session(services: Services, environ: WSGIEnvironment) -> SessionAnswer:
    """Return what ``show_session`` answers."""
    return _session_answer(auth.prove(services, environ))


def express_me(services: Services, environ: WSGIEnvironment) -> Me | None:
    """Return what ``show_me`` answers to a user who is known here and active."""
    user = local_users.find(services.pool, auth.prove(services, environ).user_id)
    return _me(user) if user is not None and user.is_active else None


def _session_answer(claims: SessionClaims) -> SessionAnswer:
    return SessionAnswer(claims.user_id, claims.session_id, claims.issued_at, claims.expires_at, claims.organization)


def _me(user: LocalUser) -> Me:
    return Me(
        id=user.id,
        clerk_id=user.clerk_id,
        email=user.email,
        email_verified=user.email_verified,
        first_name=user.first_name,
        last_name=user.last_name,
        name=user.name,
        image_url=user.image_url,
        role=user.role,
        created_at=user.created_at,
    )
