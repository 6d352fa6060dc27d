"""Authentication of a request: find the session token, verify it once, and look up the local user.

1. ``require_session`` runs before every view of a guarded blueprint.
2. ``authenticate`` verifies the token and keeps the claims for the rest of the request. It never uses the database.
3. ``current_user`` and ``require_admin`` read the local user's row.

Each refuses with ``Problem``, also if the database or the keys are not available.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from flask import Blueprint, request
from werkzeug.wsgi import get_host

from clerk_sync.clerk.errors import KeysUnavailableError, TokenError
from clerk_sync.clerk.tokens.verifier import SessionClaims, TokenRejection
from clerk_sync.mirror import local_users
from clerk_sync.mirror.local_users import LocalUser
from clerk_sync.services import services
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.database_problems import DATABASE_ERRORS, find_database_problem
from clerk_sync.web.middleware.observe import add_log_fields
from clerk_sync.web.problems import Problem, retry_later

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from prometheus_client import Counter

    from clerk_sync.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
SESSION_COOKIE = "__session"
OPEN_BLUEPRINTS = ("clerk_sync_webhooks", "clerk_sync_health")

# Each token costs a signature check. A browser has one cookie for each path and domain that set one.
MOST_COOKIES_OF_ONE_NAME = 8

# Keys of the WSGI environment. The values name the services that proved them: one application may pass a request on to
# another one, with other settings.
_CLAIMS = "clerk_sync.session_claims"
_USER = "clerk_sync.local_user"


def guard(blueprint: Blueprint) -> Blueprint:
    """Return ``blueprint``, which from now on answers 401 to requests without a valid session token."""
    blueprint.before_request(require_session)
    return blueprint


def require_session() -> None:
    """Raise Problem unless the current request has a valid session token: see ``authenticate``.

    A CORS preflight that Flask answers itself is let through: browsers send it without credentials, and no view runs.
    So are our own open routes, for applications that guard all their routes.
    """
    if request.blueprint not in OPEN_BLUEPRINTS and not _is_preflight():
        authenticate(services(), request.environ)


GUARD_MARK = "is_clerk_guard"
"""The attribute by which a function of ``before_request`` is known to require a session."""

setattr(require_session, GUARD_MARK, True)


def _is_preflight() -> bool:
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return is_preflight and getattr(request.url_rule, "provide_automatic_options", False)


def authenticate(services: Services, environ: WSGIEnvironment) -> SessionClaims:
    """Return the claims of a request's session token. The token is verified once per request.

    Raises Problem: 401 with Clerk's reason; 403 for a form of another site; 503 if no key is available now.
    """
    known: tuple[Services, SessionClaims] | None = environ.get(_CLAIMS)
    if known is None or known[0] is not services:
        known = environ[_CLAIMS] = services, _authenticate(services, environ)
    return known[1]


def _authenticate(services: Services, environ: WSGIEnvironment) -> SessionClaims:
    bearer = find_bearer(environ.get("HTTP_AUTHORIZATION"))
    tokens = [bearer] if bearer is not None else session_cookies(services, environ)
    try:
        claims = _verify_first(services, tokens)
    except KeysUnavailableError as error:
        raise keys_unavailable(error) from error
    except TokenError as error:
        _count(error.reason)
        raise _signed_out(error.reason) from error
    _count("accepted")
    if bearer is None and environ["REQUEST_METHOD"] not in SAFE_METHODS:
        _require_own_origin(services, environ)
    add_log_fields(environ, user_id=claims.user_id)
    if claims.impersonator_id is not None:
        add_log_fields(environ, impersonator_id=claims.impersonator_id)
    return claims


def claims() -> SessionClaims:
    """Return the claims of the current request's session token; raise Problem as ``authenticate`` does."""
    return authenticate(services(), request.environ)


def current_user() -> LocalUser:
    """Return the local user of the current request, read once; raise 403 if they are deleted or banned."""
    ours, environ = services(), request.environ
    known: tuple[Services, LocalUser] | None = environ.get(_USER)
    if known is None or known[0] is not ours:
        known = environ[_USER] = ours, _require_active(_local_user(ours, authenticate(ours, environ).user_id))
    return known[1]


def require_admin() -> LocalUser:
    """Return the local user of the current request; raise 403 unless their row says ADMIN."""
    user = current_user()
    if user.role != "ADMIN":
        raise Problem(403, "forbidden", "Only administrators may do this.")
    return user


def find_bearer(authorization: str | None) -> str | None:
    """Return the token of an ``Authorization`` header with the Bearer scheme, even if it is empty or malformed.

    Returns None for another scheme, such as a proxy's Basic password, and for a single word, which has no scheme.
    Words after the token stay part of it, so that it is refused: no token contains a space. A header whose scheme
    cannot be read counts as a Bearer header: granian passes a value that is not ASCII as an empty one, other servers
    pass it as Latin-1.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.replace("\t", " ").strip(" ").partition(" ")
    is_bearer = scheme.lower() == "bearer" or not scheme or not scheme.isascii()
    return token.strip(" ") if is_bearer else None


def session_cookies(services: Services, environ: WSGIEnvironment) -> list[str]:
    """Return the session tokens in the cookies of a request, best first. They are not verified."""
    key = services.settings.publishable_key
    return find_session_cookies(environ.get("HTTP_COOKIE", ""), key.cookie_suffix if key else None)


def find_session_cookies(cookies: str, suffix: str | None) -> list[str]:
    """Return the session tokens in a ``Cookie`` header, best first, each once.

    Applications on one host overwrite each other's ``__session`` cookie, so the one with this instance's suffix comes
    first. Cookies of one name differ in path or domain, and the browser may send a stale one first, so each is tried.
    The header is split before anything is decoded, and names are compared whole.
    """
    names = (SESSION_COOKIE,) if suffix is None else (f"{SESSION_COOKIE}_{suffix}", SESSION_COOKIE)
    found: dict[str, list[str]] = {name: [] for name in names}
    for pair in cookies.split(";"):
        name, _, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if value and name in found and len(found[name]) < MOST_COOKIES_OF_ONE_NAME:
            found[name].append(value)
    return list(dict.fromkeys(value for name in names for value in found[name]))


def keys_unavailable(error: KeysUnavailableError) -> Problem:
    """Return the problem for a token that cannot be verified now."""
    return retry_later("keys-unavailable", "Session tokens cannot be verified now.", error.retry_after_s)


def _verify_first(services: Services, tokens: list[str]) -> SessionClaims:
    """Return the claims of the first valid token; if none is valid, raise the first one's error."""
    verifier = services.tokens
    rejection: TokenError | None = None
    for token in tokens:
        try:
            return verifier.verify(token)
        except TokenError as error:
            rejection = rejection or error
    # Without keys every token is refused. A 401 would send users to sign in again and again, so this raises 503.
    verifier.require_configured()
    raise rejection or TokenError(TokenRejection.MISSING)


def _count(result: str) -> None:
    _counter(result).inc()


@cache
def _counter(result: str) -> Counter:
    return metrics().tokens.labels(result)


def _signed_out(reason: str) -> Problem:
    return Problem(
        401,
        reason,
        "A valid session token is required.",
        {"WWW-Authenticate": "Bearer", "x-clerk-auth-status": "signed-out", "x-clerk-auth-reason": reason},
    )


def _require_own_origin(services: Services, environ: WSGIEnvironment) -> None:
    """Raise 403 unless ``Origin`` is an authorized party: browsers send cookies with the forms of any site.

    Without authorized parties, as in development, the request's own origin is accepted. DNS rebinding gains nothing
    from that: the browser sends the cookies of the rebound name, and the session has another name.
    """
    parties = services.settings.authorized_parties or (f"{environ['wsgi.url_scheme']}://{get_host(environ)}",)
    if environ.get("HTTP_ORIGIN") not in parties:
        raise Problem(403, "origin-not-allowed", "Requests from this origin may not use the session cookie.")


def _local_user(services: Services, clerk_id: str) -> LocalUser:
    """Return the row of ``clerk_id``. A missing row is made and committed, even if the request fails later."""
    try:
        user = local_users.find(services.pool, clerk_id)
        if user is None:
            local_users.ensure_placeholder(services.pool, clerk_id)
            user = local_users.find(services.pool, clerk_id)
    except DATABASE_ERRORS as error:
        problem = find_database_problem(error)
        if problem is None:
            raise
        raise problem from error
    assert user is not None, "rows of users are never removed"  # noqa: S101 - states a guarantee
    return user


def _require_active(user: LocalUser) -> LocalUser:
    if user.deleted_at is not None:
        raise Problem(403, "user-deleted", "This account has been deleted.")
    if user.banned:
        raise Problem(403, "user-banned", "This account is banned.")
    return user
