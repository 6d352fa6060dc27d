"""One request to the Backend API and its whole answer; what to make of either is decided above."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from clerk_sync.clerk.answers import Answer, TryAgain
from clerk_sync.clerk.buffers import Buffer, Buffers
from clerk_sync.clerk.errors import ApiUnavailable

if TYPE_CHECKING:
    import requests
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")
Parameters = Iterable[tuple[str, str | int]]

API_VERSION = "2026-05-12"
READ_AT_ONCE = 64 * 1024
LARGEST_BODY = 64 * 1024 * 1024  # 500 users with all the metadata that Clerk allows, several times
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Connection:
    """Keep-alive connections to one instance, for as many threads as ``size``; the secret key shows nowhere."""

    def __init__(
        self, api_url: str, secret_key: str, *, clock: Callable[[], float], timeouts_s: tuple[float, float], size: int
    ) -> None:
        if not secret_key.isascii() or not secret_key.isprintable():
            # Further down this would become an error that quotes the header.
            raise ValueError("the secret key has characters that no header can carry")
        self.base_url = f"{api_url.rstrip('/')}/v1"
        self._secret_key = secret_key
        self._clock = clock
        self._connect_timeout_s, self._read_timeout_s = timeouts_s
        self._size = size
        self._buffers = Buffers()

    def get(self, path: str, parameters: Parameters, *, until: float, use: Callable[[Answer], T]) -> T:
        """Return what ``use`` makes of the answer, whatever its status; raise TryAgain for none before ``until``.

        The answer's body is gone when ``use`` is done with it.

        Redirects are not followed: they would carry the key to wherever they point.
        """
        import requests
        import urllib3

        left_s = max(until - self._clock(), 0.1)
        timeouts_s = (min(self._connect_timeout_s, left_s), min(self._read_timeout_s, left_s))
        try:
            with (
                self._session.get(
                    self.base_url + path, params=[*parameters], timeout=timeouts_s, stream=True, allow_redirects=False
                ) as response,
                self._buffers.lend() as buffer,
            ):
                body = self._read(response.raw, buffer, until)
                return use(Answer(response.status_code, response.headers, body))
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            failure: Exception = TryAgain(_root_cause(error))
        except requests.RequestException as error:
            failure = ApiUnavailable(f"{self.base_url} cannot be asked: {error}"[:300])
        # Outside the except blocks: the library's errors carry the request, and the request the key.
        raise failure

    def close(self) -> None:
        """Close what is kept open."""
        self._session.close()

    def _read(self, raw: BaseHTTPResponse, buffer: Buffer, until: float) -> memoryview:
        # Read by hand, because a read time-out bounds one read: a body that trickles would never end.
        size = 0
        while chunk := raw.read1(READ_AT_ONCE, decode_content=True):
            size = buffer.write(chunk, at=size)
            if size > LARGEST_BODY:
                raise TryAgain(f"answered with more than {LARGEST_BODY} bytes")
            if self._clock() >= until:
                raise TryAgain("answered too slowly")
        return buffer.view(size)

    @cached_property
    def _session(self) -> requests.Session:
        import requests

        session = requests.Session()
        # As auth and not as a header: a ~/.netrc that knows the host would replace the header.
        session.auth = self._authorize
        # gzip stays on offer: a page shrinks eightfold, and beyond loopback the line is slower than unpacking.
        session.headers.update(
            {
                "Accept": "application/json",
                "Clerk-API-Version": API_VERSION,
                "User-Agent": f"clerk_sync/{_version()}",
            }
        )
        # The environment's proxies are for the way out, not for a Clerk on this machine.
        session.trust_env = urlsplit(self.base_url).hostname not in LOOPBACK
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # the one thing threads would share
        session.mount(self.base_url, requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=self._size))
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._secret_key}"
        return request


def _root_cause(error: BaseException) -> str:
    """Name what lies under the wrappings of requests and urllib3: a refused connection, a time-out, a certificate."""
    while type(error).__module__.startswith(("requests.", "urllib3.")) and (inner := error.__context__):
        error = inner
    return f"{type(error).__name__}: {error}"[:300]


def _version() -> str:
    try:
        return importlib.metadata.version("clerk_sync")
    except importlib.metadata.PackageNotFoundError:
        return "0"  # run from a folder without having been installed
