"""Session renewal for pages: Clerk's handshake, the redirect that it documents for pages a server renders.

Session tokens last a minute. The steps:

1. ``start`` puts a random nonce into a cookie and sends the browser to the frontend API, with a state that only this
   nonce and the page to return to give.
2. The frontend API knows whether the session lives. It sends the browser back with a signed list of cookies, the
   handshake (clerk/javascript, packages/backend, tokens/handshake.ts).
3. ``finish`` accepts the state once, verifies the handshake and takes one thing out of it: a session token, which
   has to pass every rule for session tokens, and whose user must be the one who was signed in before.

So a page of another site can start a renewal, but it cannot choose what the browser comes back with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from urllib.parse import urlencode

from flask import Response, after_this_request, request

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.tokens.policy import SessionClaims
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.extensions import services
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.problems import Problem

HANDSHAKE = "__clerk_handshake"
DEV_BROWSER = "__clerk_db_jwt"
NONCE_COOKIE = "console_renewal"
PATH = "/console"

_NONCE_KEPT_S, _RETURNED_KEPT_S = 300, 10
_SESSION_KEPT_S = 365 * 24 * 3600  # as clerk-js keeps it; the token in it ends after a minute
_NONCE = re.compile("[A-Za-z0-9_-]{43}")
_RETURNED = "-"  # is no nonce, so no state belongs to it
_LOCAL_PATH = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")
_DEV_BROWSER_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,2048}")


def is_worth_trying() -> bool:
    """Return whether this request is for a page in a browser that can be sent to Clerk and has not just been there."""
    destination = request.headers.get("Sec-Fetch-Dest")
    goes_to_page = destination == "document" or (
        destination is None and request.headers.get("Accept", "").startswith("text/html")
    )
    by_cookie = "Authorization" not in request.headers
    # A browser that does not keep the new session cookie would be sent again and again.
    just_returned = request.cookies.get(_nonce_cookie()) == _RETURNED
    known = clerk_urls.find_frontend_api() is not None and clerk_urls.find_own_origin() is not None
    return request.method == "GET" and goes_to_page and by_cookie and not just_returned and known


def local_path(text: str) -> str:
    """Return ``text`` if it is a page of the console, else the console's first page: no redirect leads elsewhere."""
    return text if _LOCAL_PATH.fullmatch(text) and "//" not in text.partition("?")[0] else PATH


def start(frontend_api: str, own_origin: str, to: str) -> Response:
    """Return the redirect to Clerk, after which the browser will come back and go on to the page ``to``."""
    nonce = secrets.token_urlsafe(32)
    way_back = f"{own_origin}{PATH}/session/return?{urlencode({'state': _state(nonce, to), 'to': to})}"
    parameters = {"redirect_url": way_back, "suffixed_cookies": "true", "__clerk_hs_reason": "session-token-expired"}
    dev_browser = _find_dev_browser()
    if dev_browser:
        parameters[DEV_BROWSER] = dev_browser
    response = _redirect(f"{frontend_api}/v1/client/handshake?{urlencode(parameters)}")
    return _set_nonce(response, nonce, _NONCE_KEPT_S)


def finish(to: str) -> Response:
    """Return the redirect to the page ``to`` with the fresh token.

    Raises TokenError if the browser was not sent out from here or no good token has come, and Problem if the token is
    another user's than the one who was signed in before.
    """
    _spend_state(to)
    token, proven = _prove_first(_offered_tokens())
    _require_same_user(proven)
    response = _redirect(to)
    for name in _session_cookies():
        # Scripts read and renew these cookies, as clerk-js does it; hence no HttpOnly.
        response.set_cookie(name, token, _SESSION_KEPT_S, samesite="Lax", secure=clerk_urls.has_tls())
    return response


def _spend_state(to: str) -> None:
    """Raise TokenError unless the request has the state of this browser's nonce; the nonce ends with this request."""
    nonce = request.cookies.get(_nonce_cookie(), "")
    state = request.args.get("state", "")
    if not _NONCE.fullmatch(nonce) or not hmac.compare_digest(_state(nonce, to).encode(), state.encode()):
        raise TokenError(TokenRejection.MISSING)

    @after_this_request
    def end_nonce(response: Response) -> Response:
        return _set_nonce(response, _RETURNED, _RETURNED_KEPT_S)


def _state(nonce: str, to: str) -> str:
    # Addresses get into histories and logs; what a redirect says about the nonce is of no use without it.
    return hmac.new(nonce.encode(), to.encode(), hashlib.sha256).hexdigest()


def _offered_tokens() -> list[str]:
    """Return the session tokens of the handshake: in the address for a development instance, else in a cookie."""
    handshake = request.args.get(HANDSHAKE) or request.cookies.get(HANDSHAKE, "")
    directives = services().tokens.verify_handshake(handshake)
    pairs = [directive.partition(";")[0].partition("=") for directive in directives]
    return [value for name, _, value in pairs if name in _session_cookies() and value]


def _prove_first(tokens: list[str]) -> tuple[str, SessionClaims]:
    """Return the first of ``tokens`` that the service accepts; raise the first one's TokenError if it accepts none."""
    refusal: TokenError | None = None
    for token in tokens:
        try:
            return token, services().tokens.verify(token)
        except TokenError as error:
            refusal = refusal or error
    raise refusal or TokenError(TokenRejection.MISSING)


def _require_same_user(proven: SessionClaims) -> None:
    """Raise 403 if this browser was signed in as another user: a renewal must not change who somebody is.

    The old session is removed, so that the next sign-in, which the user asks for, is free to be another user's.
    """
    before = {services().tokens.find_user(token) for token in auth.session_cookies(services(), request.environ)}
    if proven.user_id in before or before <= {None}:
        return

    @after_this_request
    def end_session(response: Response) -> Response:
        for name in _session_cookies():
            response.delete_cookie(name, samesite="Lax", secure=clerk_urls.has_tls())
        return response

    raise Problem(
        403,
        "other-user",
        "Clerk's session in this browser is another user's than the one who was signed in here. "
        "That one is signed out now. Sign in again to go on.",
    )


def _session_cookies() -> tuple[str, ...]:
    key = services().settings.publishable_key
    return (auth.SESSION_COOKIE, f"{auth.SESSION_COOKIE}_{key.cookie_suffix}") if key else (auth.SESSION_COOKIE,)


def _find_dev_browser() -> str | None:
    """Return what a development instance knows the browser by; a live one has no such thing.

    Only clerk-js on this host sets it. One in the address could be anybody's, with anybody's session at Clerk.
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
    # With this prefix a browser refuses the cookie from anybody but this host, over TLS: a sibling host cannot set it.
    return f"__Host-{NONCE_COOKIE}" if clerk_urls.has_tls() else NONCE_COOKIE


def _set_nonce(response: Response, value: str, kept_s: int) -> Response:
    response.set_cookie(_nonce_cookie(), value, kept_s, httponly=True, samesite="Lax", secure=clerk_urls.has_tls())
    return response
