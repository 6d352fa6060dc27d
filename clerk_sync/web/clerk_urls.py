"""URLs for a browser: Clerk's frontend API and sign-in page, and this service's own origin.

The publishable key names the frontend API. If CLERK_API_URL is on this machine, it is a local Clerk, which serves
everything from there.

The client chooses the ``Host`` header, so it only selects one of the configured origins. It never becomes an origin.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import request

from clerk_sync.clerk.loopback import LOOPBACK
from clerk_sync.services import services
from clerk_sync.settings.settings import Settings

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def find_own_origin() -> str | None:
    """Return this service's origin as the browser sees it, or None if ``Host`` is not ours.

    An authorized party with this host is ours. Its scheme also tells whether a proxy ends TLS, which a request does not
    show. Without authorized parties, as in development, a loopback host is ours: no other site has that name.
    """
    host = request.host.lower()
    parties = services().settings.authorized_parties
    for party in parties:
        scheme, _, netloc = party.partition("://")
        if host in (netloc, netloc + _DEFAULT_PORTS.get(scheme, "")):
            return party
    return requested_origin() if not parties and _hostname(host) in LOOPBACK else None


def requested_origin() -> str:
    """Return the origin that the request names. Show or compare it, but never redirect to it."""
    return f"{request.scheme}://{request.host}"


def is_authorized_party() -> bool:
    """Return whether the service would accept tokens for the console's own origin."""
    return not services().settings.authorized_parties or find_own_origin() is not None


def has_tls() -> bool:
    """Return whether cookies must be marked Secure. If the scheme is unknown, they are in production."""
    origin = find_own_origin()
    if origin is None:
        return services().settings.is_production or request.scheme == "https"
    return origin.startswith("https:")


def find_frontend_api() -> str | None:
    """Return the frontend API's origin, or None if no setting names it."""
    settings = services().settings
    local = _find_local_clerk(settings)
    if local is not None:
        return local
    return f"https://{settings.publishable_key.frontend_api}" if settings.publishable_key else None


def find_sign_in_page(back_to: str) -> str | None:
    """Return the URL of the sign-in page, which redirects to ``back_to`` afterwards, or None."""
    settings = services().settings
    base = _find_local_clerk(settings)
    if base is None and settings.publishable_key:
        base = f"https://{_account_portal(settings.publishable_key.frontend_api)}"
    return f"{base}/sign-in?{urlencode({'redirect_url': back_to})}" if base else None


def _find_local_clerk(settings: Settings) -> str | None:
    parts = urlsplit(settings.api_url)
    if parts.hostname not in LOOPBACK:
        return None
    # Browsers do not send cookies of 127.0.0.1 to localhost, so Clerk gets the host name of this request.
    own_host = _hostname(request.host)
    host = own_host if own_host in ("127.0.0.1", "localhost") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # brackets without an IPv6 address
        return None


def _account_portal(frontend_api: str) -> str:
    """Return the account portal's host, which Clerk derives from the frontend API (clerk/javascript, accounts URL)."""
    if "clerk.accounts." in frontend_api:
        return frontend_api.replace("clerk.accounts.", "accounts.", 1)
    return "accounts." + frontend_api.removeprefix("clerk.")
