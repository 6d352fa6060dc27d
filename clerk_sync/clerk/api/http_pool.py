"""The way out to Clerk: connections that are kept, certificates that are checked, the environment's proxy.

What ``requests`` would do about the environment, for one address and once, instead of for each request.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from clerk_sync.clerk.errors import ApiUnavailableError
from clerk_sync.clerk.loopback import LOOPBACK

# Looked up now: connections are opened in threads, and this imports modules.
_MOZILLAS_LIST = certifi.where()


def open_pool(base_url: str, *, size: int) -> urllib3.PoolManager:
    """Return a pool of up to ``size`` connections to the server of ``base_url``; nothing is opened yet.

    Raises ApiUnavailable where the environment names a proxy or certificates that cannot be used.
    """
    # Whether to ask again is decided above. Who finds the pool empty opens one more.
    options: dict[str, Any] = {"num_pools": 1, "maxsize": size, "retries": False, **_find_authorities(base_url)}
    try:
        proxy = _find_proxy(base_url)
        if proxy is None:
            return urllib3.PoolManager(**options)
        login = urlsplit(proxy).netloc.rpartition("@")[0]
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    except ValueError:
        # Its text quotes the address, and the address may hold a password.
        raise ApiUnavailableError("the address of the environment's proxy cannot be read") from None


def _find_authorities(base_url: str) -> dict[str, str]:
    """Return whom to trust: whom the operator names, in the ways that are usual, or Mozilla's list."""
    if not base_url.startswith("https:"):
        return {}
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if path := os.environ.get(name):
            if not Path(path).exists():
                raise ApiUnavailableError(f"{name} names certificates that are not there")
            return {"ca_cert_dir" if Path(path).is_dir() else "ca_certs": path}
    return {"ca_certs": _MOZILLAS_LIST}


def _find_proxy(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    # The environment's proxies are for the way out, not for a Clerk on this machine.
    if parts.hostname is None or parts.hostname in LOOPBACK:
        return None
    proxies = getproxies()
    if proxy_bypass(parts.netloc):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
