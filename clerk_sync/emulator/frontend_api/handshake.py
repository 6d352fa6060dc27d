"""The handshake: how a page that a server renders gets a fresh token, by a detour over Clerk and back.

As in a development instance: the way back carries ``__clerk_handshake``, a signed list of cookies to set.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.frontend_api.browser_cookies import current_session, origin_of, safe_redirect_url
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.sessions.tokens import mint
from clerk_sync.emulator.users.schemas import Session

PARAMETER = "__clerk_handshake"


def handshake(clerk: Instance) -> Blueprint:
    """Return the one route. Who is not signed in here comes back with cookies that say so."""
    routes = Blueprint("handshake", __name__)

    @routes.get("/v1/client/handshake")
    def shake() -> Response:
        target = safe_redirect_url(request.args.get("redirect_url"), clerk)
        session = current_session(request, clerk)
        cookies = _signed_in(clerk, session, origin_of(target)) if session else _signed_out(clerk)
        token = mint(clerk.keys.current, {"handshake": cookies})
        return redirect(f"{target}{'&' if '?' in target else '?'}{urlencode({PARAMETER: token})}", 307)

    return routes


def _signed_in(clerk: Instance, session: Session, azp: str) -> list[str]:
    # A navigation names no origin, and Clerk then leaves azp out; here it is where the pages lead back to, as there.
    jwt = clerk.session_jwt(session.id, session.user_id, azp=azp)
    values = {"__session": jwt, "__client_uat": str(session.created_at // 1000)}
    return [f"{cookie}={value}; Path=/; SameSite=Lax" for cookie, value in _in_both_spellings(clerk, values)]


def _signed_out(clerk: Instance) -> list[str]:
    values = {"__session": "; Max-Age=0", "__client_uat": "0"}
    return [f"{cookie}={value}; Path=/; SameSite=Lax" for cookie, value in _in_both_spellings(clerk, values)]


def _in_both_spellings(clerk: Instance, values: dict[str, str]) -> list[tuple[str, str]]:
    suffix = clerk.identity.cookie_suffix
    return [(cookie, value) for name, value in values.items() for cookie in (name, f"{name}_{suffix}")]
