"""Problems as pages: what the API answers with problem+json, the console says to a person, with a way on."""

from __future__ import annotations

import msgspec
from flask import Response, request

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import handshake, rendering

_TITLES = {
    "session-token-expired": "Your session has run out",
    "forbidden": "You are not an administrator",
    "origin-not-allowed": "This origin may not act here",
    "host-unknown": "This host is not ours",
    "other-user": "Another user is signed in at Clerk",
    "form-token-invalid": "This form is not yours, or it is old",
    "database-unavailable": "The database cannot be used now",
    "keys-unavailable": "Sessions cannot be verified now",
}


def render_problem(response: Response) -> Response:
    """Return the page for a problem; every other answer as it is."""
    if response.content_type != "application/problem+json":
        return response
    problem = msgspec.json.decode(response.get_data())
    code = problem["code"]
    back_to = _page_to_go_on_with()
    values = {
        "title": _TITLES.get(code) or ("You are not signed in" if problem["status"] == 401 else problem["title"]),
        "status": problem["status"],
        "code": code,
        "detail": problem["detail"],
        "back_to": back_to,
        "own_origin": clerk_urls.find_own_origin() or clerk_urls.requested_origin(),
        "is_wrong_party": code == TokenRejection.WRONG_PARTY,
        "clerk_id": auth.claims().user_id if code == "forbidden" else None,
        **(_ways_in(back_to) if problem["status"] == 401 else {}),
    }
    response.set_data(rendering.page("console/error.html", retries=problem["status"] == 401, **values))
    response.content_type = "text/html; charset=utf-8"
    return response


def _ways_in(back_to: str) -> dict[str, object]:
    # After signing in, the browser still needs a token for this host: the detour brings it.
    own_origin = clerk_urls.find_own_origin()
    if own_origin is None or clerk_urls.find_frontend_api() is None:
        return {"sign_in": None, "renew": None}
    renew = rendering.address("console_public.renew_session", to=back_to)
    return {"sign_in": clerk_urls.find_sign_in_page(own_origin + renew), "renew": renew}


def _page_to_go_on_with() -> str:
    """Return the page that was asked for; of a form, the page that it stood on."""
    if request.path.startswith(f"{handshake.PATH}/session"):
        return handshake.local_path(request.args.get("to", ""))
    if request.method in auth.SAFE_METHODS:
        return handshake.local_path(request.full_path.rstrip("?"))
    origin = clerk_urls.find_own_origin() or clerk_urls.requested_origin()
    return handshake.local_path((request.referrer or "").removeprefix(origin))
