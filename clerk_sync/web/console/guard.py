"""The guarded parent: whatever hangs under ``pages`` is for signed-in ADMINs, by its position."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from clerk_sync.clerk.reasons import Reason
from clerk_sync.web import identity
from clerk_sync.web.console import error_pages, forms, headers, renewal
from clerk_sync.web.errors import Problem

pages = Blueprint("console", __name__, url_prefix="/console", template_folder="../templates")
pages.after_request(error_pages.dress)
pages.after_request(headers.harden)


@pages.before_request
def admit() -> Response | None:
    """Let ADMINs in, by the same proof as everywhere; send a browser whose token has run out for a fresh one."""
    try:
        identity.authenticate()
    except Problem as problem:
        if problem.code == Reason.EXPIRED and renewal.is_worth_trying():
            response = Response(status=303)
            response.headers["Location"] = url_for("console_door.renew_session", to=request.full_path.rstrip("?"))
            return response
        raise
    identity.require_admin()
    forms.require_token()
    return None


@pages.get("/<path:rest>")
def nothing_here(rest: str) -> Response:  # noqa: ARG001 - the route's
    """Answer for every address that is none."""
    raise Problem(404, "not-found", "The console has no such page.")
