"""Routes for ADMIN users. No route changes a role: that takes a database session."""

from __future__ import annotations

from flask import Blueprint, Response, request
from msgspec import Struct

from clerk_sync.mirror.reporting.status import MirrorState, read_state
from clerk_sync.mirror.reporting.user_queries import MirroredUser, UserKey, search_users
from clerk_sync.services import services
from clerk_sync.web import auth
from clerk_sync.web.docs.api_doc import describe, paged
from clerk_sync.web.pagination import NextCursor, cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem
from clerk_sync.web.responses import json_response

admin = auth.guard(Blueprint("clerk_sync_admin", __name__, url_prefix="/api/admin"))

LONGEST_QUERY = 200
QUERY = {
    "name": "query",
    "in": "query",
    "description": "Part of a name, an e-mail address or a Clerk id, in any case.",
    "schema": {"type": "string", "maxLength": LONGEST_QUERY, "pattern": r"^[^\x00]*$"},
}


class UserPage(Struct):
    """Mirrored users, the newest row first, deleted users included."""

    users: list[MirroredUser]
    next_cursor: NextCursor


@admin.before_request
def require_admin() -> None:
    """Raise 403 unless the user's row says ADMIN."""
    auth.require_admin()


@admin.get("/users")
@describe(UserPage, parameters=(QUERY, *paged()))
def list_users() -> Response:
    """List mirrored users, newest first."""
    found, next_key = search_users(services().pool, read_query(), after=read_cursor(UserKey), limit=read_limit())
    return json_response(UserPage(found, cursor_of(next_key)))


@admin.get("/sync")
@describe(MirrorState)
def show_sync() -> Response:
    """Show the state of the mirror: counts, last event, last run, parked events."""
    return json_response(read_state(services().pool))


def read_query() -> str:
    """Return the text that the request searches users for; raise 422 if it is too long or contains NUL."""
    query = request.args.get("query", "").strip()
    if len(query) > LONGEST_QUERY or "\0" in query:
        raise Problem(422, "query-invalid", f"query must have at most {LONGEST_QUERY} characters and no NUL.")
    return query
