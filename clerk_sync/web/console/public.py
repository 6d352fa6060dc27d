"""What the console serves without a session: style sheets, scripts, and the renewal of a session."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from clerk_sync.clerk.errors import KeysUnavailableError, TokenError
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import error_pages, handshake, security_headers
from clerk_sync.web.problems import Problem

STATIC = Path(__file__).resolve().parent.parent / "static"

public = Blueprint("console_public", __name__, url_prefix="/console", template_folder="../templates")
public.after_request(error_pages.render_problem)
public.after_request(security_headers.set_security_headers)


@public.get("/static/<name>")
def send_static(name: str) -> Response:
    """Send a style sheet or a script; browsers ask each time whether theirs is still the one."""
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = "no-cache"
    return response


@public.get("/session")
def renew_session() -> Response:
    """Send the browser to Clerk for a fresh token, and afterwards to the page ``to``."""
    frontend_api = clerk_urls.find_frontend_api()
    if frontend_api is None:
        raise Problem(404, "not-found", "CLERK_PUBLISHABLE_KEY is not set, so nothing says where to sign in.")
    own_origin = clerk_urls.find_own_origin()
    if own_origin is None:
        raise Problem(400, "host-unknown", "Sessions are renewed only for hosts that CLERK_AUTHORIZED_PARTIES names.")
    return handshake.start(frontend_api, own_origin, handshake.local_path(request.args.get("to", "")))


@public.get("/session/return")
def take_session() -> Response:
    """Take the fresh token if it is good, and go on to the page ``to``."""
    try:
        return handshake.finish(handshake.local_path(request.args.get("to", "")))
    except TokenError as error:
        raise Problem(401, error.reason, "Clerk sent no session that is accepted here.") from error
    except KeysUnavailableError as error:
        raise auth.keys_unavailable(error) from error
