"""The signed-in user: the claims of their token, and their row in the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.clerk.tokens.policy import Organization, SessionClaims
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.web import auth
from clerk_sync.web.docs.api_doc import describe
from clerk_sync.web.responses import Instant, json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from clerk_sync.services import Services

account = auth.guard(Blueprint("clerk_sync_account", __name__, url_prefix="/api"))


class SessionAnswer(Struct):
    """What the session token says. Times are Unix seconds."""

    user_id: str
    session_id: str
    issued_at: int
    expires_at: int
    org: Organization | None


class Me(Struct):
    """The local user. No request to this API can change ``role``."""

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
    """Show what your session token says. This does not use the database."""
    return json_response(_session_answer(auth.claims()))


@account.get("/me")
@describe(Me)
def show_me() -> Response:
    """Show your local user. The first request of a new user creates the row."""
    return json_response(_me(auth.current_user()))


def fast_session(services: Services, environ: WSGIEnvironment) -> SessionAnswer:
    """Return the body of ``show_session``, for the fast path."""
    return _session_answer(auth.authenticate(services, environ))


def fast_me(services: Services, environ: WSGIEnvironment) -> Me | None:
    """Return the body of ``show_me``, for the fast path; None unless the user has a row and is active."""
    user = local_users.find(services.pool, auth.authenticate(services, environ).user_id)
    return _me(user) if user is not None and user.is_active else None


def _session_answer(claims: SessionClaims) -> SessionAnswer:
    return SessionAnswer(claims.user_id, claims.session_id, claims.issued_at, claims.expires_at, claims.org)


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
