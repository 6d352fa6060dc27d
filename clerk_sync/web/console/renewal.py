"""A fresh session token for a page: Clerk's handshake, the detour that it documents for pages a server renders.

Session tokens last a minute. The browser is sent to the frontend API, which knows whether the session lives, and comes
back with a signed list of cookies (clerk/javascript, packages/backend, tokens/handshake.ts). Of that list one thing is
taken, the session token, and only after it has passed every rule that any session token has to pass.
"""

from __future__ import annotations

import hmac
import re
import secrets
from urllib.parse import urlencode

from flask import Response, request

from clerk_sync.clerk.errors import TokenError
from clerk_sync.extensions import services
from clerk_sync.web import clerk_addresses
from clerk_sync.web.credentials import COOKIE as SESSION_COOKIE

HANDSHAKE = "__clerk_handshake"
DEV_BROWSER = "__clerk_db_jwt"
STATE_COOKIE = "console_renewal"
PATH = "/console"

_STATE_KEPT_S, _DONE_KEPT_S = 300, 10
_SESSION_KEPT_S = 365 * 24 * 3600  # as clerk-js keeps it; the token in it ends after a minute
_DONE = "done"
_LOCAL_PATH = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")
_DEV_BROWSER_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,2048}")


def is_worth_trying() -> bool:
    """Return whether this request is a page that a browser goes to, and has not just been on the detour."""
    destination = request.headers.get("Sec-Fetch-Dest")
    goes_to_page = destination == "document" or (
        destination is None and request.headers.get("Accept", "").startswith("text/html")
    )
    by_cookie = "Authorization" not in request.headers
    # A browser that would not keep the new cookie would go round and round.
    just_done = request.cookies.get(STATE_COOKIE) == _DONE
    known = clerk_addresses.find_frontend_api() is not None
    return request.method == "GET" and goes_to_page and by_cookie and not just_done and known


def local_path(text: str) -> str:
    """Return ``text`` where it is a page of the console, else the console's first page: nobody is led elsewhere."""
    return text if _LOCAL_PATH.fullmatch(text) and "//" not in text.partition("?")[0] else PATH


def set_out(frontend_api: str, to: str) -> Response:
    """Return the redirect to Clerk, after which the browser will be back and go on to the page ``to``."""
    state = secrets.token_urlsafe(16)
    origin = clerk_addresses.own_origin()
    way_back = f"{origin}{PATH}/session/return?{urlencode({'state': state, 'to': to})}"
    parameters = {"redirect_url": way_back, "suffixed_cookies": "true", "__clerk_hs_reason": "session-token-expired"}
    dev_browser = _find_dev_browser()
    if dev_browser:
        parameters[DEV_BROWSER] = dev_browser
    response = _redirect(f"{frontend_api}/v1/client/handshake?{urlencode(parameters)}")
    _remember(response, STATE_COOKIE, state, _STATE_KEPT_S, httponly=True, path=PATH)
    if dev_browser:
        _remember(response, DEV_BROWSER, dev_browser, _SESSION_KEPT_S)
    return response


def come_back(to: str) -> Response:
    """Return the redirect to the page ``to`` with the fresh token; raise TokenError where none has come.

    Only a browser that was sent out is taken back: a link made by somebody else must not sign anybody in as them.
    """
    state = request.cookies.get(STATE_COOKIE, "")
    if not state or not hmac.compare_digest(state.encode(), request.args.get("state", "").encode()):
        raise TokenError("session-token-missing")
    token = _prove_first(_offered_tokens())
    response = _redirect(to)
    for name in _session_cookies():
        _remember(response, name, token, _SESSION_KEPT_S)
    _remember(response, STATE_COOKIE, _DONE, _DONE_KEPT_S, httponly=True, path=PATH)
    return response


def _offered_tokens() -> list[str]:
    """Return the session tokens in the handshake: in the address of a development instance, else in a cookie."""
    from clerk_sync.clerk.jwt import parse_compact

    envelope = request.args.get(HANDSHAKE) or request.cookies.get(HANDSHAKE, "")
    directives = parse_compact(envelope).claims.get("handshake")
    pairs = [str(each).partition(";")[0].partition("=") for each in directives] if isinstance(directives, list) else []
    return [value for name, _, value in pairs if name in _session_cookies() and value]


def _prove_first(tokens: list[str]) -> str:
    """Return the first of ``tokens`` that the service accepts; raise TokenError for the first where none is good."""
    refusal: TokenError | None = None
    for token in tokens:
        try:
            services().tokens.verify(token)
        except TokenError as error:
            refusal = refusal or error
        else:
            return token
    raise refusal or TokenError("session-token-missing")


def _session_cookies() -> tuple[str, ...]:
    key = services().settings.publishable_key
    return (SESSION_COOKIE, f"{SESSION_COOKIE}_{key.cookie_suffix}") if key else (SESSION_COOKIE,)


def _find_dev_browser() -> str | None:
    """Return what a development instance knows the browser by; a live one has no such thing."""
    key = services().settings.publishable_key
    if key is None or not key.value.startswith("pk_test_"):
        return None
    found = request.args.get(DEV_BROWSER) or request.cookies.get(DEV_BROWSER, "")
    return found if _DEV_BROWSER_TOKEN.fullmatch(found) else None


def _redirect(address: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = address
    return response


def _remember(
    response: Response, name: str, value: str, kept_s: int, *, httponly: bool = False, path: str = "/"
) -> None:
    # The session's cookies are read and renewed by scripts, as clerk-js does it; hence no HttpOnly for them.
    secure = clerk_addresses.own_origin().startswith("https:")
    response.set_cookie(name, value, kept_s, httponly=httponly, path=path, samesite="Lax", secure=secure)
