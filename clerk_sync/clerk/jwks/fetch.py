"""One request for a key set, and nothing more: from a URL to usable keys, or to an ApiError that says why not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import requests
from urllib3.exceptions import HTTPError

from clerk_sync.clerk.api.responses import Answer, RetryableError, accepted_body
from clerk_sync.clerk.decoding import Body, JsonDecoder
from clerk_sync.clerk.errors import ApiProtocolError, ApiUnavailableError, NotJsonError
from clerk_sync.clerk.jwks.key_set import PublicKeyEntry, build_key
from clerk_sync.clerk.loopback import LOOPBACK

if TYPE_CHECKING:
    from requests import PreparedRequest
    from urllib3 import BaseHTTPResponse

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 3
LARGEST_BODY = 1024 * 1024
READ_AT_ONCE = 64 * 1024

_set = JsonDecoder(dict[str, Any])


def fetch_key_set(
    url: str, secret_key: str | None, *, read_timeout_s: float = READ_TIMEOUT_S
) -> tuple[PublicKeyEntry, ...]:
    """Return the usable keys that ``url`` publishes, at least one; raise an ApiError otherwise.

    One attempt of a few seconds, because a request may be waiting for it. No redirect is followed: it would carry the
    secret key to wherever it points.
    """
    try:
        return parse_key_set(accepted_body(_get(url, secret_key, read_timeout_s)))
    except RetryableError as error:
        raise ApiUnavailableError(str(error)) from error


def parse_key_set(body: Body) -> tuple[PublicKeyEntry, ...]:
    """Return the RSA signing keys with an id that ``body`` lists; raise ApiNonsense where there is none."""
    try:
        listed = _set.decode(body).get("keys")
    except (msgspec.ValidationError, NotJsonError) as error:
        raise ApiProtocolError("the key set is not a JSON object") from error
    entries = [_find_usable(key) for key in listed] if isinstance(listed, list) else []
    usable = tuple(entry for entry in entries if entry is not None)
    if not usable:
        raise ApiProtocolError("the key set holds no RSA signing key with an id")
    return usable


def _find_usable(listed: object) -> PublicKeyEntry | None:
    """Return the entry where it can have signed a token: sets also hold EC, Ed25519, symmetric and encryption keys."""
    if not isinstance(listed, dict) or listed.get("kty") != "RSA":
        return None
    if listed.get("use", "sig") != "sig" or listed.get("alg", "RS256") != "RS256":
        return None
    try:
        entry = msgspec.convert(listed, PublicKeyEntry)
        build_key(entry)
    except ValueError:
        return None
    return entry if entry.kid else None


def _get(url: str, secret_key: str | None, read_timeout_s: float) -> Answer:
    def authorize(request: PreparedRequest) -> PreparedRequest:
        if secret_key is not None:
            request.headers["Authorization"] = f"Bearer {secret_key}"
        return request

    try:
        with requests.Session() as session:
            # The environment's proxies are for the way out, not for a Clerk on this machine.
            session.trust_env = urlsplit(url).hostname not in LOOPBACK
            # As auth and not as a header: a ~/.netrc that knows the host would replace the header.
            timeout_s = (CONNECT_TIMEOUT_S, read_timeout_s)
            response = session.get(url, auth=authorize, timeout=timeout_s, allow_redirects=False, stream=True)
            body = _read(response.raw, until=time.monotonic() + read_timeout_s)
            return Answer(response.status_code, response.headers, body)
    except (requests.RequestException, HTTPError, ValueError) as error:
        # The class alone: the texts of these quote addresses and headers.
        raise ApiUnavailableError(type(error).__name__) from error


def _read(raw: BaseHTTPResponse, *, until: float) -> bytes:
    # By hand, because a time-out bounds one read only: a body that trickles would hold the request for ever.
    body = bytearray()
    while chunk := raw.read1(READ_AT_ONCE, decode_content=True):
        body += chunk
        if len(body) > LARGEST_BODY or time.monotonic() >= until:
            raise RetryableError("answered too much or too slowly")
    return bytes(body)
