"""Where Clerk is for a browser: the frontend API, the sign-in page, and what this service is called there.

The publishable key names the frontend API. Where the Backend API's address is on this machine, a local Clerk is meant,
which serves everything from there.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import request

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.config import Settings
from clerk_sync.extensions import services


def own_origin() -> str:
    """Return the origin under which the browser knows this service.

    A router in front may have ended TLS, so an authorized party of the same host knows the scheme better than we do.
    """
    host = request.host
    for party in services().settings.authorized_parties:
        if urlsplit(party).netloc == host:
            return party
    return f"{request.scheme}://{host}"


def is_authorized_party() -> bool:
    """Return whether tokens that are made for the console's own pages would be accepted."""
    parties = services().settings.authorized_parties
    return not parties or own_origin() in parties


def find_frontend_api() -> str | None:
    """Return the frontend API's origin, or None where nothing says where it is."""
    settings = services().settings
    local = _find_local_clerk(settings)
    if local is not None:
        return local
    return f"https://{settings.publishable_key.frontend_api}" if settings.publishable_key else None


def find_sign_in_page(back_to: str) -> str | None:
    """Return the address of the page to sign in at, which leads to ``back_to`` afterwards, or None."""
    settings = services().settings
    base = _find_local_clerk(settings)
    if base is None and settings.publishable_key:
        base = f"https://{_account_portal(settings.publishable_key.frontend_api)}"
    return f"{base}/sign-in?{urlencode({'redirect_url': back_to})}" if base else None


def _find_local_clerk(settings: Settings) -> str | None:
    parts = urlsplit(settings.api_url)
    if parts.hostname not in LOOPBACK:
        return None
    # Cookies of 127.0.0.1 never reach localhost: it has to be called as the browser calls us.
    here = urlsplit(f"//{request.host}").hostname
    host = here if here in ("127.0.0.1", "localhost") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"


def _account_portal(frontend_api: str) -> str:
    """Return the account portal's host: Clerk names it after the frontend API (clerk/javascript, accounts URL)."""
    if "clerk.accounts." in frontend_api:
        return frontend_api.replace("clerk.accounts.", "accounts.", 1)
    return "accounts." + frontend_api.removeprefix("clerk.")
