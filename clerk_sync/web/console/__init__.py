"""The console: pages for the people who run the service. They look, they replay what is parked, they check for drift.

Pages are rendered here, work without JavaScript, and load nothing from another host. Every page but the door hangs
under a guard (``guard``), every form carries a token (``forms``), and no page, form or field knows how to change a
role. SQL stays in the mirror and the shop. Nothing in here runs on a request to the API.
"""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask


def install(app: Flask) -> None:
    """Hang the console into ``app``."""
    from clerk_sync.web.console import public

    app.register_blueprint(public.door)
    app.register_blueprint(_pages())


@cache
def _pages() -> Blueprint:
    """Return the guarded parent with its children: hung in once a process, however many applications are made."""
    from clerk_sync.web.console import drift, guard, inbox, overview, runs, users

    for child in (overview.overview, inbox.inbox, runs.runs, drift.drift, users.users):
        guard.pages.register_blueprint(child)
    return guard.pages
