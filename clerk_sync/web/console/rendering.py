"""Pages from templates, and the security headers of every response of the console."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, render_template, request

from clerk_sync.services import services
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import flash, formatting, signing


def show(template: str, **values: Any) -> Response:
    """Return a page for the signed-in user, with the result of the last form if there is one."""
    notice = flash.find_notice()
    user = auth.current_user()
    body = page(template, notice=notice, user_name=user.name, token_for=signing.token_for, **values)
    response = Response(body, content_type="text/html; charset=utf-8")
    flash.forget_notice(response)
    return response


def page(template: str, *, retries: bool = False, **values: Any) -> str:
    """Return a page as text. If ``retries``, its script loads it again after renewing the session."""
    key = services().settings.publishable_key
    renewing = {
        "frontend_api": _frontend_api_for_scripts(),
        "cookie_suffix": key.cookie_suffix if key else "",
        "retries": retries,
    }
    return render_template(
        template, renewing=renewing, here=request.endpoint or "", now=datetime.now(UTC), say=formatting, **values
    )


def set_security_headers(response: Response) -> Response:
    """Add the headers that forbid foreign scripts, inline code, frames and caching."""
    frontend_api = _frontend_api_for_scripts()
    connect = f"'self' {frontend_api}" if frontend_api else "'self'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src {connect}; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    # With no-referrer, browsers would send forms with the Origin "null".
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _frontend_api_for_scripts() -> str | None:
    """Return the frontend API, the only foreign host that scripts may call, to renew the session."""
    return clerk_urls.find_frontend_api() if clerk_urls.is_authorized_party() else None
