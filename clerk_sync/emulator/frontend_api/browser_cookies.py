"""Sign-in in a browser: the cookies that clerk-js would set on the app's host, and the redirect back to the app.

Cookies ignore ports. On one loopback host the local Clerk can set them for the app, so the page needs no clerk-js.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.middleware import is_loopback
from clerk_sync.emulator.sessions.sessions import LIFETIME_MS
from clerk_sync.emulator.users.schemas import Session, User

YEAR_S = 365 * 24 * 3600
CLIENT_COOKIE = "__client"


def origin_of(url: str) -> str:
    """Return the origin as a browser writes it: scheme, host, and the port if it is not the default."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def safe_redirect_url(url: str | None, clerk: Instance) -> str:
    """Return the redirect target; raise a 422 unless it is on this machine or the authorized origin."""
    if not url:
        return clerk.options.authorized_origin + "/"
    try:
        origin, netloc = origin_of(url), urlsplit(url).netloc
    except ValueError:
        origin, netloc = "", ""
    if origin == clerk.options.authorized_origin or (url.startswith(("http://", "https://")) and is_loopback(netloc)):
        return url
    text = "redirect_url must be on this machine, or on the origin that the local Clerk was started with."
    raise ClerkApiError(422, "redirect_url_invalid", "is invalid", text, param="redirect_url")


def sign_in(response: Response, clerk: Instance, session: Session, jwt: str) -> Response:
    """Set the session's cookies: Clerk's own, and the ones that the app reads."""
    response.set_cookie(CLIENT_COOKIE, session.client_id, max_age=LIFETIME_MS // 1000, httponly=True, samesite="Lax")
    for name, value in (("__session", jwt), ("__client_uat", str(session.created_at // 1000))):
        for cookie in (name, f"{name}_{clerk.identity.cookie_suffix}"):
            response.set_cookie(cookie, value, max_age=YEAR_S, samesite="Lax")
    return response


def sign_out(response: Response, clerk: Instance) -> Response:
    """Remove the session's cookies; ``__client_uat`` 0 tells the app to ignore a token that is still valid."""
    suffix = clerk.identity.cookie_suffix
    for cookie in (CLIENT_COOKIE, "__session", f"__session_{suffix}"):
        response.delete_cookie(cookie, samesite="Lax")
    for cookie in ("__client_uat", f"__client_uat_{suffix}"):
        response.set_cookie(cookie, "0", max_age=YEAR_S, samesite="Lax")
    return response


def current_session(request: Request, clerk: Instance) -> Session | None:
    """Return the active session of the requesting browser."""
    client_id = request.cookies.get(CLIENT_COOKIE)
    if not client_id:
        return None
    return next(
        (each for each in clerk.sessions.all() if each.client_id == client_id and each.status == "active"), None
    )


def find_by_identifier(clerk: Instance, identifier: str) -> User | None:
    """Return the user with this id, e-mail address, username or phone number."""
    return (
        clerk.user_store.find(identifier)
        or clerk.user_store.find_by_identifier("email", identifier.lower())
        or clerk.user_store.find_by_identifier("username", identifier.lower())
        or clerk.user_store.find_by_identifier("phone", identifier)
    )


def get_sign_in_user(clerk: Instance, identifier: str) -> User:
    """Return the user who may sign in with ``identifier``; no password is needed. Otherwise raise Clerk's error."""
    user = find_by_identifier(clerk, identifier)
    if user is None:
        text = "Couldn't find your account."
        raise ClerkApiError(422, "form_identifier_not_found", text, text, param="identifier")
    if user.banned or user.locked or user.deprovisioned:
        text = "This account cannot sign in."
        raise ClerkApiError(403, "user_locked" if user.locked else "user_banned", text, text)
    return user


def start_session(clerk: Instance, user: User, azp: str | None) -> tuple[Session, str]:
    """Sign the user in; return the session and its first token, which names ``azp`` as the authorized party."""
    session = clerk.sessions.create(user.id)
    clerk.user_actions.note_sign_in(user.id)
    return session, clerk.session_jwt(session.id, user.id, azp=azp)
