"""Mirrored users: the search, and the page of one user. Nothing here changes a user."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app
from markupsafe import Markup

from clerk_sync.mirror.reporting import user_history
from clerk_sync.mirror.reporting.user_queries import UserKey, search_users
from clerk_sync.services import services
from clerk_sync.web import console
from clerk_sync.web.admin import read_query
from clerk_sync.web.console import formatting, rendering
from clerk_sync.web.pagination import cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem

users = Blueprint("users", __name__)

PER_PAGE = 50
MOST_EVENTS = 50


@users.get("/users")
def list_users() -> Response:
    """Show the users that the search finds, the newest row first."""
    query = read_query()
    found, next_key = search_users(services().pool, query, after=read_cursor(UserKey), limit=read_limit(PER_PAGE))
    return rendering.show("console/users.html", users=found, query=query, next_cursor=cursor_of(next_key))


@users.get("/users/<reference>")
def show_user(reference: str) -> Response:
    """Show one user, named by either id: the row, deliveries, changes of the role, and the business's sections."""
    pool = services().pool
    user = user_history.find_mirrored_user(pool, reference)
    if user is None:
        raise Problem(404, "user-unknown", "There is no such user.")
    events = user_history.list_events_of(pool, user.clerk_id, limit=MOST_EVENTS)
    role_changes = user_history.list_role_changes_of(pool, user.id, limit=MOST_EVENTS)
    # Last: a section may keep a connection until the request ends.
    now = datetime.now(UTC)
    sections = [section(user.id, now=now, say=formatting) for section in console.user_sections(current_app)]
    return rendering.show(
        "console/user.html",
        user=user,
        # Sections are templates of the application: they escape what they show.
        sections=[Markup(section) for section in sections],  # noqa: S704
        events=events,
        most_events=MOST_EVENTS,
        role_changes=role_changes,
    )
