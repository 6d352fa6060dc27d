"""The console: pages for operators. They show the mirror, replay parked events, and check for drift.

Pages are rendered on the server, work without JavaScript, and load nothing from another host. All pages are behind
``guard`` except those of ``public``. Every form carries a token (``signing``). No page changes a role.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from flask import Blueprint, Flask

UserSection = Callable[..., str]

_USER_SECTIONS = "clerk_sync.console.user_sections"


def install(app: Flask) -> None:
    """Add the console to ``app``."""
    from clerk_sync.web.console import public

    app.register_blueprint(public.public)
    app.register_blueprint(_pages())


def add_user_section(app: Flask, section: UserSection) -> None:
    """Show what ``section`` returns on the console's page of a user.

    It is called as ``section(user_id, now=…, say=…)`` and returns HTML. A business uses it for its own rows of a user.
    """
    user_sections(app).append(section)


def user_sections(app: Flask) -> list[UserSection]:
    """Return the sections that were added to the page of a user."""
    sections: list[UserSection] = app.extensions.setdefault(_USER_SECTIONS, [])
    return sections


@cache
def _pages() -> Blueprint:
    # Once a process: Flask does not add children to a blueprint that an application has registered.
    from clerk_sync.web.console import drift, guard, inbox, overview, runs, users

    for child in (overview.overview, inbox.inbox, runs.runs, drift.drift, users.users):
        guard.pages.register_blueprint(child)
    return guard.pages
