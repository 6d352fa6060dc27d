"""The console's routes without a guard: static files, and the renewal of a session."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from clerk_sync.clerk.errors import KeysUnavailableError, TokenError
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import error_pages, handshake, rendering
from clerk_sync.web.problems import Problem

STATIC = Path(__file__).resolve().parent.parent / "static"

public = Blueprint("clerk_sync_console_public", __name__, url_prefix="/console", template_folder="../templates")
public.after_request(error_pages.render_problem)
public.after_request(rendering.set_security_headers)


@public.get("/static/<name>")
def send_static(name: str) -> Response:
    """Send a style sheet or a script. Browsers check each time whether theirs is current."""
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = "no-cache"
    return response


@public.get("/session")
def renew_session() -> Response:
    """Send the browser to Clerk for a new token, and then to the page ``to``."""
    frontend_api = clerk_urls.find_frontend_api()
    if frontend_api is None:
        raise Problem(404, "not-found", "CLERK_PUBLISHABLE_KEY is not set, so the sign-in page is not known.")
    own_origin = clerk_urls.find_own_origin()
    if own_origin is None:
        raise Problem(400, "host-unknown", "Sessions are renewed only for hosts in CLERK_AUTHORIZED_PARTIES.")
    return handshake.start(frontend_api, own_origin, handshake.local_path(request.args.get("to", "")))


@public.get("/session/return")
def take_session() -> Response:
    """Accept the new token if it is valid, and redirect to the page ``to``."""
    try:
        return handshake.finish(handshake.local_path(request.args.get("to", "")))
    except TokenError as error:
        raise Problem(401, error.reason, "Clerk sent no session token that is valid here.") from error
    except KeysUnavailableError as error:
        raise auth.keys_unavailable(error) from error
