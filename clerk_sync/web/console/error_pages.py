"""Problem details as pages: what happened, and a link to continue."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from flask import Response, request, url_for

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import handshake, rendering

_TITLES = {
    "session-token-expired": "Your session has expired",
    "forbidden": "You are not an administrator",
    "origin-not-allowed": "This origin is not allowed",
    "host-unknown": "This host is not allowed",
    "other-user": "Another user is signed in at Clerk",
    "form-token-invalid": "This form is not valid any more",
    "database-unavailable": "The database is unavailable",
    "keys-unavailable": "Sessions cannot be verified now",
}


def render_problem(response: Response) -> Response:
    """Return a page for a problem; return every other response unchanged."""
    if response.content_type != "application/problem+json":
        return response
    problem = msgspec.json.decode(response.get_data())
    code = problem["code"]
    is_signed_out = problem["status"] == 401
    back_to = _page_to_return_to()
    values = {
        "title": _TITLES.get(code) or ("You are not signed in" if is_signed_out else problem["title"]),
        "status": problem["status"],
        "code": code,
        "detail": problem["detail"],
        "back_to": quote(request.root_path) + back_to,
        "own_origin": clerk_urls.find_own_origin() or clerk_urls.requested_origin(),
        "is_wrong_party": code == TokenRejection.WRONG_PARTY,
        "clerk_id": auth.claims().user_id if code == "forbidden" else None,
        **(_sign_in_links(back_to) if is_signed_out else {}),
    }
    response.set_data(rendering.page("console/error.html", retries=is_signed_out, **values))
    response.content_type = "text/html; charset=utf-8"
    return response


def _sign_in_links(back_to: str) -> dict[str, str | None]:
    # After the sign-in the browser still has no token for this host, so the link goes through the renewal.
    own_origin = clerk_urls.find_own_origin()
    if own_origin is None or clerk_urls.find_frontend_api() is None:
        return {"sign_in": None, "renew": None}
    renew = url_for("clerk_sync_console_public.renew_session", to=back_to)
    return {"sign_in": clerk_urls.find_sign_in_page(own_origin + renew), "renew": renew}


def _page_to_return_to() -> str:
    """Return the page that was requested; for a form, the page that contains it."""
    if request.path.startswith(f"{handshake.PATH}/session"):
        return handshake.local_path(request.args.get("to", ""))
    if request.method in auth.SAFE_METHODS:
        return handshake.local_path(request.full_path.rstrip("?"))
    origin = clerk_urls.find_own_origin() or clerk_urls.requested_origin()
    return handshake.local_path((request.referrer or "").removeprefix(origin + quote(request.root_path)))
