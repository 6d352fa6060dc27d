"""The HTTP client for everything that is fetched from Clerk: the Backend API, key sets and the doctor's probes.

It makes one attempt. It limits time and size, checks certificates, and follows no redirect: a redirect would carry the
secret key to another server. The environment's proxy and certificates apply, except to a server on this machine.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError
from urllib3.util import Timeout

from clerk_sync.clerk.errors import ApiUnavailableError, RetryableError
from clerk_sync.clerk.loopback import LOOPBACK

MIB = 1024 * 1024
READ_AT_ONCE = 64 * 1024

# Called at import: the call imports modules, and threads that import the same modules at once can deadlock.
_MOZILLA_CERTIFICATES = certifi.where()


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0


class HttpClient:
    """Keep-alive connections to one server, for up to ``size`` threads. Its errors never quote a header."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        connect_timeout_s: float,
        read_timeout_s: float,
        largest_body: int = MIB,
        size: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url
        # With gzip a page of users shrinks eightfold.
        self._headers = {"Accept-Encoding": "gzip", "User-Agent": f"clerk_sync/{_version()}", **(headers or {})}
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._largest_body = largest_body
        self._size = size
        self._clock = clock

    def request(
        self,
        method: str,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float,
    ) -> HttpResponse:
        """Return the response, also one with an error status, if all of it arrives within ``timeout_s``.

        Raises RetryableError if it does not, ApiUnavailableError if the request cannot be sent as configured.
        """
        started_at = self._clock()
        timeout = Timeout(connect=min(self._connect_timeout_s, timeout_s), read=min(self._read_timeout_s, timeout_s))
        try:
            response = self._pool.request(
                method,
                self.base_url + path,
                headers={**self._headers, **(headers or {})},
                body=body,
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            with closing(response):
                content = self._read(response, until=started_at + timeout_s)
                response.release_conn()
            return HttpResponse(response.status, response.headers, content, self._clock() - started_at)
        except LocationValueError as error:
            failure: Exception = ApiUnavailableError(f"{self.base_url} cannot be requested: {error}"[:300])
        except HTTPError as error:
            failure = RetryableError(_root_cause(error))
        except ValueError as error:
            failure = ApiUnavailableError(f"{self.base_url} cannot be requested: {type(error).__name__}"[:300])
        # Raised outside the except blocks: the library's errors may carry the request, and the request the key.
        raise failure

    def close(self) -> None:
        """Close the open connections."""
        # Not self._pool: that would open a pool, and opening may be what failed.
        if pool := vars(self).get("_pool"):
            pool.clear()

    def _read(self, response: urllib3.BaseHTTPResponse, *, until: float) -> bytes:
        # Chunk by chunk: the read timeout limits one read only, so a slow body could take forever.
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(READ_AT_ONCE, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._largest_body:
                raise RetryableError(f"answered with more than {self._largest_body} bytes")
            if self._clock() >= until:
                raise RetryableError("answered too slowly")
        return b"".join(chunks)

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        if not self.base_url.startswith(("http://", "https://")):
            raise ApiUnavailableError("the address does not start with http:// or https://")
        # A thread that finds no idle connection opens one more. Retries are the caller's decision.
        options: dict[str, Any] = {"num_pools": 1, "maxsize": self._size, "retries": False}
        options |= _find_authorities(self.base_url)
        try:
            proxy = _find_proxy(self.base_url)
            if proxy is None:
                return urllib3.PoolManager(**options)
            login = urlsplit(proxy).netloc.rpartition("@")[0]
            headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
            return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
        except ValueError:
            # Its text quotes the address, and the address may hold a password.
            raise ApiUnavailableError("the address of the environment's proxy cannot be read") from None


def one_line(text: object) -> str:
    """Return ``text`` as one line for a log or a terminal, without a secret key that a server might quote."""
    printable = "".join(character if character.isprintable() else " " for character in str(text))
    return re.sub(r"sk_(test|live)_\S+", r"sk_\1_…", printable)


def _find_authorities(base_url: str) -> dict[str, str]:
    """Return the trusted certificates: those that a usual variable names, or Mozilla's list."""
    if not base_url.startswith("https:"):
        return {}
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if path := os.environ.get(name):
            if not Path(path).exists():
                raise ApiUnavailableError(f"{name} names certificates that are not there")
            return {"ca_cert_dir" if Path(path).is_dir() else "ca_certs": path}
    return {"ca_certs": _MOZILLA_CERTIFICATES}


def _find_proxy(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    # A proxy cannot reach a local Clerk on this machine.
    if parts.hostname is None or parts.hostname in LOOPBACK:
        return None
    proxies = getproxies()
    if proxy_bypass(parts.netloc):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _root_cause(error: BaseException) -> str:
    """Name the error that urllib3 wrapped: a refused connection, a timeout, a certificate."""
    if type(error) is ConnectTimeoutError:  # its subclasses have a cause that says more
        return "ConnectTimeout: no connection in time"
    while type(error).__module__.startswith("urllib3.") and (inner := error.__context__):
        error = inner
    # It goes into logs and the database, and may contain what a server answered.
    return one_line(f"{type(error).__name__}: {error}")[:300]


def _version() -> str:
    try:
        return importlib.metadata.version("clerk_sync")
    except importlib.metadata.PackageNotFoundError:
        return "0"  # run from a folder without having been installed
