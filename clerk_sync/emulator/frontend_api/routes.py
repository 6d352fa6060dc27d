"""The Frontend API: the public key set, and fresh tokens for a browser that is signed in."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.frontend_api.browser_cookies import current_session, sign_in, sign_out
from clerk_sync.emulator.frontend_api.cors import share_with_front_ends
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.responses import json_answer
from clerk_sync.emulator.users.schemas import Session


def frontend_api(clerk: Instance) -> Blueprint:
    """Return the routes that need no secret key; a front end of any loopback origin may call them with cookies."""
    api = Blueprint("frontend_api", __name__)
    share_with_front_ends(api, clerk)

    @api.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return json_answer(clerk.keys.key_set)

    @api.post("/v1/client/sessions/<session_id>/tokens")
    def refresh(session_id: str) -> Response:
        session = _own_session(clerk, session_id)
        jwt = clerk.session_jwt(session.id, session.user_id, azp=request.headers.get("Origin"))
        return sign_in(json_answer({"object": "token", "jwt": jwt}), clerk, session, jwt)

    @api.post("/v1/client/sessions/<session_id>/end")
    def end(session_id: str) -> Response:
        session = _own_session(clerk, session_id)
        return sign_out(json_answer(clerk.sessions.finish(session.id, "ended")), clerk)

    return api


def _own_session(clerk: Instance, session_id: str) -> Session:
    session = current_session(request, clerk)
    if session is None or session.id != session_id:
        raise ClerkApiError(
            401, "authentication_invalid", "Invalid authentication", "This browser is not signed in here."
        )
    return session
