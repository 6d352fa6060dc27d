"""Addresses for a browser: Clerk's frontend API and sign-in page, and this service's own origin.

The publishable key names the frontend API. Where the Backend API's address is on this machine, a local Clerk is meant,
which serves everything from there.

``Host`` is what the client says. It chooses among the origins that are configured, and never becomes one by itself.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import request

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.extensions import services
from clerk_sync.settings.settings import Settings

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def find_own_origin() -> str | None:
    """Return the origin under which the browser knows this service, or None if ``Host`` is none of ours.

    An authorized party with this host is ours. It also says whether a router in front has ended TLS, which we cannot
    see. Without authorized parties, which is development, a loopback host is ours: no page elsewhere has that name.
    """
    host = request.host.lower()
    parties = services().settings.authorized_parties
    for party in parties:
        scheme, _, netloc = party.partition("://")
        if host in (netloc, netloc + _DEFAULT_PORTS.get(scheme, "")):
            return party
    return requested_origin() if not parties and _hostname(host) in LOOPBACK else None


def requested_origin() -> str:
    """Return the origin that the request names. Show it or compare it, but never lead anybody there."""
    return f"{request.scheme}://{request.host}"


def is_authorized_party() -> bool:
    """Return whether tokens that are made for the console's own pages would be accepted."""
    return not services().settings.authorized_parties or find_own_origin() is not None


def has_tls() -> bool:
    """Return whether cookies for this browser are to be marked Secure. If nothing tells, in production they are."""
    origin = find_own_origin()
    if origin is None:
        return services().settings.is_production or request.scheme == "https"
    return origin.startswith("https:")


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
    here = _hostname(request.host)
    host = here if here in ("127.0.0.1", "localhost") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # brackets that hold no IPv6 address
        return None


def _account_portal(frontend_api: str) -> str:
    """Return the account portal's host: Clerk names it after the frontend API (clerk/javascript, accounts URL)."""
    if "clerk.accounts." in frontend_api:
        return frontend_api.replace("clerk.accounts.", "accounts.", 1)
    return "accounts." + frontend_api.removeprefix("clerk.")
