"""The guarded parent: whatever hangs under ``pages`` is for signed-in ADMINs, by its position."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.web import auth
from clerk_sync.web.console import csrf, error_pages, handshake, security_headers
from clerk_sync.web.problems import Problem

pages = Blueprint("console", __name__, url_prefix="/console", template_folder="../templates")
pages.after_request(error_pages.render_problem)
pages.after_request(security_headers.set_security_headers)


@pages.before_request
def admit() -> Response | None:
    """Let ADMINs in, by the same proof as everywhere; send a browser whose token has run out for a fresh one."""
    try:
        auth.require_session()
    except Problem as problem:
        if problem.code == TokenRejection.EXPIRED and handshake.is_worth_trying():
            response = Response(status=303)
            response.headers["Location"] = url_for("console_public.renew_session", to=request.full_path.rstrip("?"))
            return response
        raise
    auth.require_admin()
    csrf.require_token()
    return None


@pages.get("/<path:rest>")
def nothing_here(rest: str) -> Response:  # noqa: ARG001 - the route's
    """Answer for every address that is none."""
    raise Problem(404, "not-found", "The console has no such page.")
