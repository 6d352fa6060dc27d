"""The OpenAPI document, and a page to read and try it. The page loads nothing from another host."""

from __future__ import annotations

import secrets
from functools import cache

from flask import Blueprint, Response, current_app, render_template

from clerk_sync.web.docs.openapi import describe_api

docs = Blueprint("clerk_sync_docs", __name__, url_prefix="/api", template_folder="templates")


@docs.get("/openapi.json")
def show_openapi() -> Response:
    """Show this document."""
    return Response(_document(), content_type="application/json")


@docs.get("/docs")
def show_docs() -> Response:
    """Show a page to read this document and to send requests."""
    nonce = secrets.token_urlsafe(16)
    response = Response(render_template("docs.html", nonce=nonce), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@cache
def _document() -> bytes:
    """Return the document, made from the application's routes at the first request."""
    return describe_api(current_app)
