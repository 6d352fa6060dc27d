"""One request to the Backend API and its whole answer; what to make of either is decided above."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import Timeout

from clerk_sync.clerk.api.buffers import Buffer, Buffers
from clerk_sync.clerk.api.http_pool import open_pool
from clerk_sync.clerk.api.responses import Answer, RetryableError, one_line
from clerk_sync.clerk.errors import ApiUnavailableError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

T = TypeVar("T")
Parameters = Iterable[tuple[str, str | int]]

API_VERSION = "2026-05-12"
READ_AT_ONCE = 64 * 1024
LARGEST_BODY = 64 * 1024 * 1024  # 500 users with all the metadata that Clerk allows, several times


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
        left_s = max(until - self._clock(), 0.1)
        query = urlencode([*parameters])
        url = f"{self.base_url}{path}?{query}" if query else f"{self.base_url}{path}"
        timeout = Timeout(min(self._connect_timeout_s, left_s), min(self._read_timeout_s, left_s))
        try:
            response = self._pool.request(
                "GET", url, headers=self._headers, timeout=timeout, redirect=False, preload_content=False
            )
            with closing(response), self._buffers.lend() as buffer:
                body = self._read(response, buffer, until)
                response.release_conn()
                return use(Answer(response.status, response.headers, body))
        except LocationValueError as error:
            failure: Exception = ApiUnavailableError(f"{self.base_url} cannot be asked: {error}"[:300])
        except HTTPError as error:
            failure = RetryableError(_root_cause(error))
        # Outside the except blocks: the library's errors may carry the request, and the request the key.
        raise failure

    def close(self) -> None:
        """Close what is kept open."""
        # Not opened for the purpose: that may be what failed.
        if pool := vars(self).get("_pool"):
            pool.clear()

    def _read(self, raw: BaseHTTPResponse, buffer: Buffer, until: float) -> memoryview:
        # Read by hand, because a read time-out bounds one read: a body that trickles would never end.
        size = 0
        while chunk := raw.read1(READ_AT_ONCE, decode_content=True):
            size = buffer.write(chunk, at=size)
            if size > LARGEST_BODY:
                raise RetryableError(f"answered with more than {LARGEST_BODY} bytes")
            if self._clock() >= until:
                raise RetryableError("answered too slowly")
        return buffer.view(size)

    @cached_property
    def _pool(self) -> PoolManager:
        return open_pool(self.base_url, size=self._size)

    @cached_property
    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            # A page shrinks eightfold, and beyond loopback the line is slower than unpacking.
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {self._secret_key}",
            "Clerk-API-Version": API_VERSION,
            "User-Agent": f"clerk_sync/{_version()}",
        }


def _root_cause(error: BaseException) -> str:
    """Name what lies under the wrappings of urllib3: a refused connection, a time-out, a certificate."""
    while type(error).__module__.startswith("urllib3.") and (inner := error.__context__):
        error = inner
    # Fit for a log and a database: what a stranger answers may stand in it.
    return one_line(f"{type(error).__name__}: {error}")[:300]


def _version() -> str:
    try:
        return importlib.metadata.version("clerk_sync")
    except importlib.metadata.PackageNotFoundError:
        return "0"  # run from a folder without having been installed
