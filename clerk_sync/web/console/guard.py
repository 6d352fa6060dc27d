"""The parent blueprint of all pages. It admits signed-in ADMIN users only."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.web import auth
from clerk_sync.web.console import error_pages, handshake, rendering, signing
from clerk_sync.web.problems import Problem

pages = Blueprint("clerk_sync_console", __name__, url_prefix="/console", template_folder="../templates")
pages.after_request(error_pages.render_problem)
pages.after_request(rendering.set_security_headers)


@pages.before_request
def require_admin() -> Response | None:
    """Require a session, the role ADMIN and a form token; renew the session if its token has expired."""
    try:
        auth.require_session()
    except Problem as problem:
        if problem.reason == TokenRejection.EXPIRED and handshake.can_renew():
            response = Response(status=303)
            response.headers["Location"] = url_for(
                "clerk_sync_console_public.renew_session", to=request.full_path.rstrip("?")
            )
            return response
        raise
    auth.require_admin()
    signing.require_token()
    return None


@pages.get("/<path:rest>")
def not_found(rest: str) -> Response:  # noqa: ARG001 - the route's
    """Answer every unknown path with 404, after the guard."""
    raise Problem(404, "not-found", "The console has no such page.")
