"""The page of the storefront. It is the same for every user: its script finds out who is signed in."""

from __future__ import annotations

import re

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from clerk_sync.services import services
from clerk_sync.web import clerk_urls

pages = Blueprint(
    "storefront",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/storefront/static",
)

_OWN_MACHINE = re.compile(r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")


@pages.get("/")
def redirect_to_storefront() -> AnyResponse:
    """Redirect to the storefront: the local Clerk's pages return to the origin without a path."""
    return redirect(url_for(".show_storefront"))


@pages.get("/storefront")
def show_storefront() -> Response:
    """Show the storefront; ``?api=http://localhost:5000`` makes it call an API of another origin."""
    key = services().settings.publishable_key
    frontend_api = clerk_urls.find_frontend_api()
    api = _find_other_api()
    response = Response(
        render_template(
            "storefront/page.html",
            publishable_key=key.value if key else "",
            # clerk-js's proxyUrl: the frontend API's URL, if it differs from the publishable key's.
            proxy_url=frontend_api if key and frontend_api != key.issuer else "",
            api=api or "",
        ),
        content_type="text/html; charset=utf-8",
    )
    connect = " ".join(origin for origin in ("'self'", frontend_api, api) if origin)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src {connect}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.after_request
def set_security_headers(response: Response) -> Response:
    """Forbid the browser to guess content types and to send the path to other sites."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _find_other_api() -> str | None:
    # Only on this machine, because the page sends the user's token there.
    api = request.args.get("api", "")
    return api if _OWN_MACHINE.fullmatch(api) else None
