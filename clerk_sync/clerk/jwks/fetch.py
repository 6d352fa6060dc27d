"""Fetch a key set once: from a URL to usable keys, or to an ApiError that says why not."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec

from clerk_sync.clerk.api.transport import accepted_body
from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import ApiProtocolError, ApiUnavailableError, NotJsonError, RetryableError
from clerk_sync.clerk.http import HttpClient
from clerk_sync.clerk.jwks.keys import PublicKeyEntry, build_key

# A few seconds in all: a request may be waiting for the keys.
CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 3.0

_set = JsonDecoder(dict[str, Any])


def fetch_key_set(
    url: str, secret_key: str | None, *, read_timeout_s: float = READ_TIMEOUT_S
) -> tuple[PublicKeyEntry, ...]:
    """Return the usable keys that ``url`` publishes, at least one; raise an ApiError otherwise."""
    headers = {} if secret_key is None else {"Authorization": f"Bearer {secret_key}"}
    client = HttpClient(url, headers=headers, connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=read_timeout_s)
    try:
        with closing(client):
            response = client.request("GET", timeout_s=CONNECT_TIMEOUT_S + read_timeout_s)
        return parse_key_set(accepted_body(response))
    except RetryableError as error:
        raise ApiUnavailableError(str(error)) from error


def parse_key_set(body: bytes) -> tuple[PublicKeyEntry, ...]:
    """Return the RSA signing keys with an id that ``body`` lists; raise ApiProtocolError if there is none."""
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
    """Return the entry if it can verify session tokens. A set may also list EC, Ed25519, HMAC and encryption keys."""
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
