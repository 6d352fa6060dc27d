"""Session renewal by Clerk's handshake, the redirect that Clerk documents for pages rendered on a server.

Session tokens last a minute. The steps:

1. ``start`` stores a random nonce in a cookie and sends the browser to the frontend API. The return URL contains a
   state that is computed from the nonce and the page to return to.
2. The frontend API knows whether the session is active. It sends the browser back with a signed list of cookies, the
   handshake (clerk/javascript, packages/backend, tokens/handshake.ts).
3. ``finish`` accepts the state once, verifies the handshake and takes only the session token from it. The token must
   pass every rule for session tokens, and its user must be the one who was signed in before.

So a page of another site can start a renewal, but it cannot choose the session that the browser gets.

Paths of pages are without the URL prefix of the application (``request.root_path``); links and redirects get it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from urllib.parse import quote, urlencode

from flask import Response, after_this_request, request

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.tokens.policy import SessionClaims
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.services import services
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.problems import Problem

HANDSHAKE = "__clerk_handshake"
DEV_BROWSER = "__clerk_db_jwt"
NONCE_COOKIE = "console_renewal"
PATH = "/console"

_NONCE_KEPT_S, _RETURNED_KEPT_S = 300, 10
_SESSION_KEPT_S = 365 * 24 * 3600  # as clerk-js does; the token in it expires after a minute
_NONCE = re.compile("[A-Za-z0-9_-]{43}")
_RETURNED = "-"  # not a nonce, so no state matches it
_LOCAL_PATH = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")
_DEV_BROWSER_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,2048}")


def can_renew() -> bool:
    """Return whether this is a browser's request for a page, and the browser has not just returned from Clerk."""
    destination = request.headers.get("Sec-Fetch-Dest")
    goes_to_page = destination == "document" or (
        destination is None and request.headers.get("Accept", "").startswith("text/html")
    )
    by_cookie = "Authorization" not in request.headers
    # A browser that rejects the new session cookie would be redirected for ever.
    just_returned = request.cookies.get(_nonce_cookie()) == _RETURNED
    known = clerk_urls.find_frontend_api() is not None and clerk_urls.find_own_origin() is not None
    return request.method == "GET" and goes_to_page and by_cookie and not just_returned and known


def local_path(text: str) -> str:
    """Return ``text`` if it is a path of the console, else the first page, so that no redirect leaves the console."""
    return text if _LOCAL_PATH.fullmatch(text) and "//" not in text.partition("?")[0] else PATH


def start(frontend_api: str, own_origin: str, to: str) -> Response:
    """Return the redirect to Clerk. The browser comes back to ``finish``, which redirects to the page ``to``."""
    nonce = secrets.token_urlsafe(32)
    query = urlencode({"state": _state(nonce, to), "to": to})
    return_url = f"{own_origin}{quote(request.root_path)}{PATH}/session/return?{query}"
    parameters = {"redirect_url": return_url, "suffixed_cookies": "true", "__clerk_hs_reason": "session-token-expired"}
    dev_browser = _find_dev_browser()
    if dev_browser:
        parameters[DEV_BROWSER] = dev_browser
    response = _redirect(f"{frontend_api}/v1/client/handshake?{urlencode(parameters)}")
    return _set_nonce(response, nonce, _NONCE_KEPT_S)


def finish(to: str) -> Response:
    """Return the redirect to the page ``to``, with the new token in the session cookies.

    Raises TokenError if ``start`` did not send this browser or there is no valid token. Raises Problem if the token
    belongs to another user than the one who was signed in before.
    """
    _use_state(to)
    token, claims = _verify_first(_offered_tokens())
    _require_same_user(claims)
    response = _redirect(quote(request.root_path) + to)
    for name in _session_cookies():
        # No HttpOnly: scripts read and renew these cookies, as clerk-js does.
        response.set_cookie(name, token, _SESSION_KEPT_S, samesite="Lax", secure=clerk_urls.has_tls())
    return response


def _use_state(to: str) -> None:
    """Raise TokenError unless the request has the state of this browser's nonce. The nonce is deleted after that."""
    nonce = request.cookies.get(_nonce_cookie(), "")
    state = request.args.get("state", "")
    if not _NONCE.fullmatch(nonce) or not hmac.compare_digest(_state(nonce, to).encode(), state.encode()):
        raise TokenError(TokenRejection.MISSING)

    @after_this_request
    def end_nonce(response: Response) -> Response:
        return _set_nonce(response, _RETURNED, _RETURNED_KEPT_S)


def _state(nonce: str, to: str) -> str:
    # URLs end up in browser histories and logs, so the URL contains a hash and not the nonce.
    return hmac.new(nonce.encode(), to.encode(), hashlib.sha256).hexdigest()


def _offered_tokens() -> list[str]:
    """Return the session tokens of the handshake, which is in the URL for a development instance, else in a cookie."""
    handshake = request.args.get(HANDSHAKE) or request.cookies.get(HANDSHAKE, "")
    directives = services().tokens.verify_handshake(handshake)
    pairs = [directive.partition(";")[0].partition("=") for directive in directives]
    return [value for name, _, value in pairs if name in _session_cookies() and value]


def _verify_first(tokens: list[str]) -> tuple[str, SessionClaims]:
    """Return the first valid token with its claims; if none is valid, raise the first one's error."""
    rejection: TokenError | None = None
    for token in tokens:
        try:
            return token, services().tokens.verify(token)
        except TokenError as error:
            rejection = rejection or error
    raise rejection or TokenError(TokenRejection.MISSING)


def _require_same_user(claims: SessionClaims) -> None:
    """Raise 403 if this browser was signed in as another user: a renewal must not change the user.

    The old session cookies are deleted, so that the next sign-in may be as any user.
    """
    before = {services().tokens.find_user(token) for token in auth.session_cookies(services(), request.environ)}
    if claims.user_id in before or before <= {None}:
        return

    @after_this_request
    def end_session(response: Response) -> Response:
        for name in _session_cookies():
            response.delete_cookie(name, samesite="Lax", secure=clerk_urls.has_tls())
        return response

    raise Problem(
        403,
        "other-user",
        "Clerk's session in this browser belongs to another user than the session here. "
        "The session here has ended. Sign in again.",
    )


def _session_cookies() -> tuple[str, ...]:
    key = services().settings.publishable_key
    return (auth.SESSION_COOKIE, f"{auth.SESSION_COOKIE}_{key.cookie_suffix}") if key else (auth.SESSION_COOKIE,)


def _find_dev_browser() -> str | None:
    """Return the token by which a development instance knows the browser. Production instances have none.

    Only the cookie of clerk-js on this host counts. An attacker could put the token of another session into a URL.
    """
    key = services().settings.publishable_key
    if key is None or not key.value.startswith("pk_test_"):
        return None
    found = request.cookies.get(DEV_BROWSER, "")
    return found if _DEV_BROWSER_TOKEN.fullmatch(found) else None


def _redirect(address: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = address
    return response


def _nonce_cookie() -> str:
    # With this prefix only this host can set the cookie, over TLS. A sibling host cannot.
    return f"__Host-{NONCE_COOKIE}" if clerk_urls.has_tls() else NONCE_COOKIE


def _set_nonce(response: Response, value: str, kept_s: int) -> Response:
    response.set_cookie(_nonce_cookie(), value, kept_s, httponly=True, samesite="Lax", secure=clerk_urls.has_tls())
    return response
