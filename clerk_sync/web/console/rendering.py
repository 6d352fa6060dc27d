"""Pages out of templates, with the few words that all of them use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, render_template, request, url_for

from clerk_sync.extensions import services
from clerk_sync.web import auth, clerk_urls
from clerk_sync.web.console import csrf, flash, formatting

address = url_for


def show(template: str, **values: Any) -> Response:
    """Return the page for who is signed in; tell, once, what the last form came to."""
    notice = flash.find_notice()
    user = auth.current_user()
    body = page(template, notice=notice, user_name=user.name, token_for=csrf.token_for, **values)
    response = Response(body, content_type="text/html; charset=utf-8")
    flash.forget_notice(response)
    return response


def page(template: str, *, retries: bool = False, **values: Any) -> str:
    """Return the text of a page; one that ``retries`` comes back by itself when a script has renewed the session."""
    key = services().settings.publishable_key
    renewing = {
        "frontend_api": clerk_urls.find_frontend_api() if clerk_urls.is_authorized_party() else None,
        "cookie_suffix": key.cookie_suffix if key else "",
        "retries": retries,
    }
    return render_template(
        template, renewing=renewing, here=request.endpoint or "", now=datetime.now(UTC), say=formatting, **values
    )
