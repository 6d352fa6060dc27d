"""One request over HTTP as Clerk would send it: no redirect is followed, and what went wrong has a plain name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clerk_sync.clerk.loopback import LOOPBACK

if TYPE_CHECKING:
    import requests
    from requests import PreparedRequest

CONNECT_TIMEOUT_S = 5.0
LARGEST_BODY = 256 * 1024

# What the libraries below us say, and what it means; the first that fits. Their own texts quote addresses and headers.
_FAULTS = (
    ("certificate has expired", "TLS: the certificate has expired"),
    ("hostname mismatch", "TLS: the certificate is for another name"),
    ("doesn't match", "TLS: the certificate is for another name"),
    ("self-signed", "TLS: the certificate is self-signed"),
    ("self signed", "TLS: the certificate is self-signed"),
    ("certificate_verify_failed", "TLS: the certificate is not trusted"),
    ("wrong_version_number", "TLS: what answers there speaks no TLS"),
    ("record layer failure", "TLS: what answers there speaks no TLS"),
    ("ssl", "TLS: the handshake failed"),
    ("name or service not known", "the name cannot be resolved"),
    ("nodename nor servname", "the name cannot be resolved"),
    ("name resolution", "the name cannot be resolved"),
    ("failed to resolve", "the name cannot be resolved"),
    ("connection refused", "the connection is refused: nobody listens there"),
    ("connecttimeout", "nobody takes the connection"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("unreachable", "there is no way to that address"),
    ("reset by peer", "the connection is broken off"),
    ("closed connection", "the connection is broken off"),
    ("remotedisconnected", "the connection is broken off"),
)


class NoAnswerError(Exception):
    """Nothing that could be read came back; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def ask(
    method: str,
    url: str,
    *,
    secret_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    read_timeout_s: float,
) -> Answer:
    """Return the answer, whatever its status; raise NoAnswer where there is none."""
    import requests
    from urllib3.exceptions import HTTPError

    def authorize(request: PreparedRequest) -> PreparedRequest:
        if secret_key is not None:
            request.headers["Authorization"] = f"Bearer {secret_key}"
        return request

    started_at = time.monotonic()
    try:
        with (
            _session(url) as session,
            session.request(
                method,
                url,
                # As auth and not as a header: a ~/.netrc that knows the host would replace the header.
                auth=authorize,
                headers={"User-Agent": "clerk_sync-doctor", **(headers or {})},
                data=body,
                timeout=(CONNECT_TIMEOUT_S, read_timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            content = response.raw.read(LARGEST_BODY, decode_content=True)
            return Answer(response.status_code, response.headers, content, time.monotonic() - started_at)
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise NoAnswerError(_fault_of(error)) from None


def _session(url: str) -> requests.Session:
    import requests

    session = requests.Session()
    # The environment's proxies are for the way out, not for a service on this machine.
    session.trust_env = urlsplit(url).hostname not in LOOPBACK
    return session


def _fault_of(error: Exception) -> str:
    said = f"{type(error).__name__} {error}".lower()
    return next((fault for sign, fault in _FAULTS if sign in said), type(error).__name__)
