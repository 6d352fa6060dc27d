"""The API, described for programs and for people. The page is one answer and asks no other host for anything."""

from __future__ import annotations

import secrets
from functools import cache

from flask import Blueprint, Response, current_app, render_template

from clerk_sync.web.docs.openapi import describe_api

documents = Blueprint("documents", __name__, url_prefix="/api", template_folder="templates")


@documents.get("/openapi.json")
def show_openapi() -> Response:
    """Show this description."""
    return Response(_description(), content_type="application/json")


@documents.get("/docs")
def show_docs() -> Response:
    """Show a page to read this description and to try what it describes."""
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
def _description() -> bytes:
    """Return the description as JSON, made of the application's routes when it is first asked for."""
    return describe_api(current_app)
