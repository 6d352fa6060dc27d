"""What every answer of the console tells the browser not to do."""

from __future__ import annotations

from flask import Response

from clerk_sync.web import clerk_urls


def set_security_headers(response: Response) -> Response:
    """Return ``response`` with the headers that lock the page in: nothing foreign, nothing inline, nothing kept."""
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer: with that, browsers send forms with an Origin of "null".
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _policy() -> str:
    # The one foreign address is Clerk's frontend API, for the script that renews the session.
    frontend_api = clerk_urls.find_frontend_api() if clerk_urls.is_authorized_party() else None
    connect = f"'self' {frontend_api}" if frontend_api else "'self'"
    return (
        f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src {connect}; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
