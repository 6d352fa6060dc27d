"""The Backend API under ``/v1``, for requests with the secret key."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from clerk_sync.emulator.backend_api import query
from clerk_sync.emulator.backend_api.filters import parse_filter
from clerk_sync.emulator.errors import ClerkApiError, invalid_value
from clerk_sync.emulator.forms import (
    EmailReplacement,
    ManyUsers,
    MetadataChange,
    NewSession,
    NewUser,
    TokenRequest,
    UserChange,
    parse,
)
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.responses import json_response
from clerk_sync.emulator.sessions.tokens import LIFETIME_S

API_VERSIONS = frozenset({"2021-02-05", "2024-10-01", "2025-03-12", "2025-04-10", "2025-11-10", "2026-05-12"})
_FINAL_SESSION_STATES = ("abandoned", "active", "ended", "expired", "removed", "replaced", "revoked")


def backend_api(clerk: Instance) -> Blueprint:
    """Return the routes of the Backend API; requests without the secret key get 401."""
    api = Blueprint("backend_api", __name__, url_prefix="/v1")

    @api.before_request
    def check_request() -> None:
        _check_key(request.headers.get("Authorization"), clerk.identity.secret_key)
        _check_version(request.headers.get("Clerk-API-Version"), request.args.get("__clerk_api_version"))
        if clerk.rate_limit and request.path != "/v1/jwks":
            clerk.rate_limit.check()

    _add_user_routes(api, clerk)
    _add_user_action_routes(api, clerk)
    _add_session_routes(api, clerk)

    @api.get("/jwks")
    def jwks() -> Response:
        return json_response(clerk.keys.key_set)

    @api.get("/instance")
    def instance() -> Response:
        return json_response(
            {
                "object": "instance",
                "id": clerk.identity.instance_id,
                "environment_type": "development",
                "allowed_origins": [clerk.options.authorized_origin],
                "workspace_id": None,
            }
        )

    return api


def _add_user_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/users")
    def list_users() -> Response:
        wanted = parse_filter(request.args, clerk.quirks)
        page = query.parse_page(request.args, clerk.user_store, clerk.quirks)
        return json_response(query.select(clerk.user_store, wanted, page))

    @api.get("/users/count")
    def count_users() -> Response:
        wanted = parse_filter(request.args, clerk.quirks)
        return json_response({"object": "total_count", "total_count": query.count(clerk.user_store, wanted)})

    @api.post("/users")
    def create_user() -> Response:
        return json_response(clerk.user_actions.create(parse(NewUser, request.get_data())))

    @api.get("/users/<user_id>")
    def get_user(user_id: str) -> Response:
        return json_response(clerk.user_store.get(user_id))

    @api.patch("/users/<user_id>")
    def update_user(user_id: str) -> Response:
        clerk.user_store.get(user_id)  # 404 before 422, as at Clerk
        return json_response(clerk.user_actions.change(user_id, parse(UserChange, request.get_data())))

    @api.delete("/users/<user_id>")
    def delete_user(user_id: str) -> Response:
        return json_response(clerk.user_actions.delete(user_id))


def _add_user_action_routes(api: Blueprint, clerk: Instance) -> None:
    actions: dict[str, dict[str, Any]] = {
        "ban": {"banned": True},
        "unban": {"banned": False},
        "lock": {"locked": True},
        "unlock": {"locked": False, "lockout_expires_in_seconds": None},
    }

    @api.post(f"/users/<user_id>/<any({','.join(actions)}):action>")
    def act_on_user(user_id: str, action: str) -> Response:
        return json_response(clerk.user_actions.alter(user_id, actions[action]))

    @api.post("/users/<any(ban,unban):action>")
    def act_on_many(action: str) -> Response:
        form = parse(ManyUsers, request.get_data())
        if not 1 <= len(form.user_ids) <= 50:
            raise invalid_value("user_ids", "from 1 to 50 are accepted")
        return json_response([clerk.user_actions.alter(user_id, actions[action]) for user_id in form.user_ids])

    @api.patch("/users/<user_id>/metadata")
    def merge_metadata(user_id: str) -> Response:
        return json_response(clerk.user_actions.merge_metadata(user_id, parse(MetadataChange, request.get_data())))

    @api.put("/users/<user_id>/metadata")
    def replace_metadata(user_id: str) -> Response:
        return json_response(clerk.user_actions.replace_metadata(user_id, parse(MetadataChange, request.get_data())))

    @api.put("/users/<user_id>/email_address")
    def replace_email(user_id: str) -> Response:
        return json_response(clerk.user_actions.replace_email(user_id, parse(EmailReplacement, request.get_data())))


def _add_session_routes(api: Blueprint, clerk: Instance) -> None:
    @api.post("/sessions")
    def create_session() -> Response:
        return json_response(clerk.sessions.create(parse(NewSession, request.get_data()).user_id))

    @api.get("/sessions")
    def list_sessions() -> Response:
        user_id, client_id, status = (request.args.get(name) for name in ("user_id", "client_id", "status"))
        if status and status not in _FINAL_SESSION_STATES:
            raise invalid_value("status", f"it must be one of {', '.join(_FINAL_SESSION_STATES)}")
        limit, offset = query.read_limit(request.args), query.read_offset(request.args)
        found = [
            session
            for session in clerk.sessions.all()
            if user_id in (None, session.user_id)
            and client_id in (None, session.client_id)
            and status in (None, session.status)
        ]
        return json_response(found[offset : offset + limit])

    @api.get("/sessions/<session_id>")
    def get_session(session_id: str) -> Response:
        return json_response(clerk.sessions.get(session_id))

    @api.post("/sessions/<session_id>/revoke")
    def revoke_session(session_id: str) -> Response:
        return json_response(clerk.sessions.finish(session_id, "revoked"))

    @api.post("/sessions/<session_id>/tokens")
    def create_token(session_id: str) -> Response:
        session = clerk.sessions.get_active(session_id)
        lifetime_s = parse(TokenRequest, request.get_data()).expires_in_seconds or LIFETIME_S
        if not 30 <= lifetime_s <= 315_360_000:
            raise invalid_value("expires_in_seconds", "it must be from 30 to 315360000")
        # No azp: the request comes from no browser, so it has no Origin.
        jwt = clerk.session_jwt(session.id, session.user_id, azp=None, expires_in_s=lifetime_s)
        return json_response({"object": "token", "jwt": jwt})


def _check_key(header: str | None, secret_key: str) -> None:
    if header is None:
        raise ClerkApiError(
            401, "authentication_invalid", "Invalid authentication", "No Authorization header was sent."
        )
    scheme, _, key = header.partition(" ")
    if scheme != "Bearer" or not key:
        text = 'Invalid Authorization header format. Must be "Bearer <YOUR_API_KEY>".'
        raise ClerkApiError(401, "authorization_header_format_invalid", "Invalid Authorization header format", text)
    if key != secret_key:
        text = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."
        raise ClerkApiError(401, "clerk_key_invalid", "The provided Clerk Secret Key is invalid.", text)


def _check_version(header: str | None, param: str | None) -> None:
    if header is not None and param is not None:
        text = "The API version is given twice: in the Clerk-API-Version header and in the query."
        raise ClerkApiError(400, "api_version_invalid", "Invalid API version", text)
    version = param if header is None else header
    if version is not None and version not in API_VERSIONS:
        raise ClerkApiError(400, "api_version_invalid", "Invalid API version", "This API version does not exist.")
