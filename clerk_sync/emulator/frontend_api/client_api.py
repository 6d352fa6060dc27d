"""The Frontend API for pages with their own forms: sign-up, sign-in, current user, profile, deletion.

Responses have Clerk's envelope, ``response`` and ``client``, with the fields that front ends read. No password or code
is needed: attempts are complete at once, and new addresses are verified.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.forms import NewUser, UserChange, plausible_email
from clerk_sync.emulator.frontend_api.browser_cookies import (
    current_session,
    get_sign_in_user,
    sign_in,
    sign_out,
    start_session,
)
from clerk_sync.emulator.frontend_api.cors import allow_trusted_origins
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.responses import json_response
from clerk_sync.emulator.users.factories import new_email
from clerk_sync.emulator.users.schemas import EMAIL_CODE_VERIFIED, Session, User, as_json

_CHANGEABLE = ("first_name", "last_name", "username", "primary_email_address_id")


def client_api(clerk: Instance) -> Blueprint:
    """Return the routes; bodies are forms, as clerk-js sends them, so browsers send no preflight."""
    api = Blueprint("client_api", __name__, url_prefix="/v1")
    allow_trusted_origins(api, clerk)
    _add_client_routes(api, clerk)
    _add_me_routes(api, clerk)
    return api


def _add_client_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/client")
    def show_client() -> Response:
        session = current_session(request, clerk)
        if session is None:
            return json_response({"response": None, "client": None})
        jwt = clerk.session_jwt(session.id, session.user_id, azp=_origin())
        return sign_in(json_response({"response": _client(clerk, session, jwt), "client": None}), clerk, session, jwt)

    @api.post("/client/sign_ups")
    def sign_up() -> Response:
        user = clerk.user_actions.create(
            NewUser(
                email_address=[_filled_in("email_address") or ""],
                first_name=_filled_in("first_name"),
                last_name=_filled_in("last_name"),
            )
        )
        return _sign_in(clerk, user, "sign_up_attempt", "sua")

    @api.post("/client/sign_ins")
    def sign_in_attempt() -> Response:
        return _sign_in(clerk, get_sign_in_user(clerk, _filled_in("identifier") or ""), "sign_in_attempt", "sia")


def _add_me_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/me")
    def show_me() -> Response:
        return _about(clerk, _user(_current_user(clerk)))

    @api.post("/me")
    def act_on_me() -> Response:
        # clerk-js sends other methods as POST with _method in the query, which needs no preflight.
        act = {"PATCH": change_me, "DELETE": delete_me}.get(request.args.get("_method", ""))
        if act is None:
            raise ClerkApiError(405, "method_not_allowed", "Method not allowed", "_method has to be PATCH or DELETE.")
        return act()

    @api.patch("/me")
    def change_me() -> Response:
        user = _current_user(clerk)
        changes: dict[str, Any] = {name: _filled_in(name) for name in _CHANGEABLE if name in request.form}
        return _about(clerk, _user(clerk.user_actions.change(user.id, UserChange(**changes))))

    @api.delete("/me")
    def delete_me() -> Response:
        deleted = clerk.user_actions.delete(_current_user(clerk).id)
        return sign_out(json_response({"response": as_json(deleted), "client": None}), clerk)

    @api.post("/me/email_addresses")
    def add_email_address() -> Response:
        user = _current_user(clerk)
        address = plausible_email(_filled_in("email_address") or "")
        with clerk.user_store.lock:
            user = clerk.user_store.get(user.id)
            email = new_email(clerk.ids, address, clerk.options.clock_ms(), verification=EMAIL_CODE_VERIFIED)
            clerk.user_actions.alter(user.id, {"email_addresses": (*user.email_addresses, email)})
        return _about(clerk, as_json(email))


def _sign_in(clerk: Instance, user: User, kind: str, prefix: str) -> Response:
    session, jwt = start_session(clerk, user, _origin())
    attempt = {
        "object": kind,
        "id": clerk.ids.new(prefix, wall_clock_ms()),
        "status": "complete",
        "created_session_id": session.id,
    }
    answer = json_response({"response": attempt, "client": _client(clerk, session, jwt)})
    return sign_in(answer, clerk, session, jwt)


def _about(clerk: Instance, response: object) -> Response:
    session = current_session(request, clerk)
    client = None
    if session is not None:
        client = _client(clerk, session, clerk.session_jwt(session.id, session.user_id, azp=_origin()))
    return json_response({"response": response, "client": client})


def _client(clerk: Instance, session: Session, jwt: str) -> dict[str, Any]:
    """Return the client object: one session with its user and a fresh token."""
    user = clerk.user_store.get(session.user_id)
    token = {"object": "token", "jwt": jwt}
    return {
        "object": "client",
        "id": session.client_id,
        "sessions": [{**as_json(session), "user": _user(user), "last_active_token": token}],
        "last_active_session_id": session.id,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def _user(user: User) -> dict[str, Any]:
    return {name: value for name, value in as_json(user).items() if name != "private_metadata"}


def _current_user(clerk: Instance) -> User:
    session = current_session(request, clerk)
    user = clerk.user_store.find(session.user_id) if session else None
    if user is None:
        raise ClerkApiError(401, "signed_out", "Signed out", "You are signed out.")
    return user


def _origin() -> str | None:
    return request.headers.get("Origin")


def _filled_in(name: str) -> str | None:
    return request.form.get(name, "").strip() or None
