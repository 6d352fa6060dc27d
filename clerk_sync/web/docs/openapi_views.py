"""The OpenAPI document, and a page to read and try it. The page loads nothing from another host."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from flask import Blueprint, Response, current_app, render_template, request

from clerk_sync.web.docs.openapi import describe_api
from clerk_sync.web.responses import encode

_DOCUMENT = "clerk_sync.openapi"

docs = Blueprint("clerk_sync_docs", __name__, url_prefix="/api", template_folder="templates")


@docs.get("/openapi.json")
def show_openapi() -> Response:
    """Show this document."""
    document = _find_document()
    prefix = quote(request.root_path)
    if prefix:
        document = b'{"servers":' + encode([{"url": prefix}]) + b"," + document[1:]
    return Response(document, content_type="application/json")


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


def _find_document() -> bytes:
    """Return the document, made from the application's routes at the first request."""
    found: bytes | None = current_app.extensions.get(_DOCUMENT)
    if found is None:
        found = current_app.extensions[_DOCUMENT] = describe_api(current_app)
    return found
