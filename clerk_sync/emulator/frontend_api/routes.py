"""The Frontend API: the public key set, fresh tokens for a signed-in browser, and the handshake.

The handshake gives a fresh token to a page that is rendered on a server: the browser is redirected to Clerk and back.
As in a development instance, the app's URL then has the parameter ``__clerk_handshake``, a signed list of cookies.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.frontend_api.browser_cookies import (
    current_session,
    origin_of,
    safe_redirect_url,
    sign_in,
    sign_out,
)
from clerk_sync.emulator.frontend_api.cors import allow_trusted_origins
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.responses import json_response
from clerk_sync.emulator.sessions.tokens import mint
from clerk_sync.emulator.users.schemas import Session

HANDSHAKE_PARAMETER = "__clerk_handshake"


def frontend_api(clerk: Instance) -> Blueprint:
    """Return the routes that need no secret key; a front end of any loopback origin may call them with cookies."""
    api = Blueprint("frontend_api", __name__)
    allow_trusted_origins(api, clerk)

    @api.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return json_response(clerk.keys.key_set)

    @api.post("/v1/client/sessions/<session_id>/tokens")
    def refresh(session_id: str) -> Response:
        session = _own_session(clerk, session_id)
        jwt = clerk.session_jwt(session.id, session.user_id, azp=request.headers.get("Origin"))
        return sign_in(json_response({"object": "token", "jwt": jwt}), clerk, session, jwt)

    @api.post("/v1/client/sessions/<session_id>/end")
    def end(session_id: str) -> Response:
        session = _own_session(clerk, session_id)
        return sign_out(json_response(clerk.sessions.finish(session.id, "ended")), clerk)

    @api.get("/v1/client/handshake")
    def begin_handshake() -> Response:
        target = safe_redirect_url(request.args.get("redirect_url"), clerk)
        session = current_session(request, clerk)
        cookies = _signed_in(clerk, session, origin_of(target)) if session else _signed_out(clerk)
        token = mint(clerk.keys.current, {"handshake": cookies})
        return redirect(f"{target}{'&' if '?' in target else '?'}{urlencode({HANDSHAKE_PARAMETER: token})}", 307)

    return api


def _own_session(clerk: Instance, session_id: str) -> Session:
    session = current_session(request, clerk)
    if session is None or session.id != session_id:
        raise ClerkApiError(
            401, "authentication_invalid", "Invalid authentication", "This browser is not signed in here."
        )
    return session


def _signed_in(clerk: Instance, session: Session, azp: str) -> list[str]:
    # A navigation sends no Origin header, so Clerk leaves azp out. We name the origin of the page, as our pages do.
    jwt = clerk.session_jwt(session.id, session.user_id, azp=azp)
    values = {"__session": jwt, "__client_uat": str(session.created_at // 1000)}
    return [f"{cookie}={value}; Path=/; SameSite=Lax" for cookie, value in _with_and_without_suffix(clerk, values)]


def _signed_out(clerk: Instance) -> list[str]:
    values = {"__session": "; Max-Age=0", "__client_uat": "0"}
    return [f"{cookie}={value}; Path=/; SameSite=Lax" for cookie, value in _with_and_without_suffix(clerk, values)]


def _with_and_without_suffix(clerk: Instance, values: dict[str, str]) -> list[tuple[str, str]]:
    suffix = clerk.identity.cookie_suffix
    return [(cookie, value) for name, value in values.items() for cookie in (name, f"{name}_{suffix}")]
