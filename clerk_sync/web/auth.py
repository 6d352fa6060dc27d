"""Who asks. The only module that keeps what a request has proven: everyone else asks here for a proof or a user.

A view under the guarded parent may call ``claims()`` freely; the database is asked only by ``current_user()``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from flask import g, request
from werkzeug.wsgi import get_host

from clerk_sync.clerk.errors import KeysUnavailableError, TokenError
from clerk_sync.clerk.tokens.verifier import SessionClaims, TokenRejection
from clerk_sync.db.orm import db
from clerk_sync.extensions import services
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.credentials import find_bearer, find_session_cookies
from clerk_sync.web.middleware.observe import add_log_fields
from clerk_sync.web.problems import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from prometheus_client import Counter

    from clerk_sync.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_PROVEN = "clerk_sync.session_claims"


def authenticate() -> None:
    """Let the current request through, or raise the problem that answers it: see ``prove``."""
    prove(services(), request.environ)


def prove(services: Services, environ: WSGIEnvironment) -> SessionClaims:
    """Return what the token of a request proves, found once however often it is asked.

    Raises Problem: 401 with Clerk's reason word; 403 for a form of another site; 503 where nobody can tell now.
    """
    proven: SessionClaims | None = environ.get(_PROVEN)
    if proven is None:
        proven = environ[_PROVEN] = _prove_afresh(services, environ)
    return proven


def _prove_afresh(services: Services, environ: WSGIEnvironment) -> SessionClaims:
    bearer = find_bearer(environ.get("HTTP_AUTHORIZATION"))
    tokens = [bearer] if bearer is not None else session_cookies(services, environ)
    try:
        proven = _prove_first(services, tokens)
    except KeysUnavailableError as error:
        raise Problem(
            503, "keys-unavailable", "Sessions cannot be verified now.", {"Retry-After": str(error.retry_after_s)}
        ) from error
    except TokenError as error:
        _count(error.reason)
        raise _signed_out(error.reason) from error
    _count("accepted")
    if bearer is None and environ["REQUEST_METHOD"] not in SAFE_METHODS:
        _require_own_origin(services, environ)
    add_log_fields(environ, user_id=proven.user_id)
    if proven.impersonator_id is not None:
        add_log_fields(environ, impersonator_id=proven.impersonator_id)
    return proven


def claims() -> SessionClaims:
    """Return what the token of this request proves. Only behind the guard."""
    return cast("SessionClaims", request.environ[_PROVEN])


def current_user() -> LocalUser:
    """Return the local user who asks, looked up once a request; raise 403 for one who is deleted or banned."""
    if "local_user" not in g:
        g.local_user = _require_active(_local_user(claims().user_id))
    return cast("LocalUser", g.local_user)


def require_admin() -> LocalUser:
    """Return the local user who asks; raise 403 unless they are an ADMIN here, whatever the token says."""
    user = current_user()
    if user.role != "ADMIN":
        raise Problem(403, "forbidden", "This is for administrators.")
    return user


def session_cookies(services: Services, environ: WSGIEnvironment) -> list[str]:
    """Return the session tokens in the cookies of a request, best first; none of them is proven."""
    key = services.settings.publishable_key
    return find_session_cookies(environ.get("HTTP_COOKIE", ""), key.cookie_suffix if key else None)


def _prove_first(services: Services, tokens: list[str]) -> SessionClaims:
    """Return what the first good one of ``tokens`` proves; where none is good, raise what is wrong with the first."""
    verifier = services.tokens
    refusal: TokenError | None = None
    for token in tokens:
        try:
            return verifier.verify(token)
        except TokenError as error:
            refusal = refusal or error
    # A deployment without keys says so to everyone: asking for a better token would send people in circles.
    verifier.require_configured()
    raise refusal or TokenError(TokenRejection.MISSING)


def _count(result: str) -> None:
    _counter(result).inc()


@cache
def _counter(result: str) -> Counter:
    # The reasons are Clerk's few words, so this cannot grow.
    return metrics().tokens.labels(result)


def _signed_out(reason: str) -> Problem:
    return Problem(
        401,
        reason,
        "A valid session token is required.",
        {"WWW-Authenticate": "Bearer", "x-clerk-auth-status": "signed-out", "x-clerk-auth-reason": reason},
    )


def _require_own_origin(services: Services, environ: WSGIEnvironment) -> None:
    """Raise 403 unless the browser says that one of our own pages sends this: cookies travel with any site's form.

    Without authorized parties, which is development, a page of the same origin may. A name that is rebound to this
    machine gains nothing: the browser sends it the cookies of that name, and the session has another one.
    """
    parties = services.settings.authorized_parties or (f"{environ['wsgi.url_scheme']}://{get_host(environ)}",)
    if environ.get("HTTP_ORIGIN") not in parties:
        raise Problem(403, "origin-not-allowed", "This origin may not act with the session cookie.")


def _local_user(clerk_id: str) -> LocalUser:
    """Return the row of ``clerk_id``; at first sight it is made, and kept whatever becomes of the request."""
    pool = services().pool
    user = local_users.find(pool, clerk_id)
    if user is None:
        local_users.ensure_placeholder(db.session(), clerk_id)
        db.session.commit()
        user = local_users.find(pool, clerk_id)
    assert user is not None, "rows of users are never removed"  # noqa: S101 - states a guarantee
    return user


def _require_active(user: LocalUser) -> LocalUser:
    if user.deleted_at is not None:
        raise Problem(403, "user-deleted", "This account has been deleted.")
    if user.banned:
        raise Problem(403, "user-banned", "This account is banned.")
    return user
