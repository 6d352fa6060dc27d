"""The publishable key: it contains the host of the frontend API, and its digest is part of the cookie name."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishableKey:
    """A well-formed publishable key. ``value`` is verbatim, because its padding counts for the cookie suffix."""

    value: str
    frontend_api: str

    @property
    def issuer(self) -> str:
        """The ``iss`` claim of this instance's tokens."""
        return f"https://{self.frontend_api}"

    @property
    def key_set_url(self) -> str:
        """The public address of the instance's key set."""
        return f"https://{self.frontend_api}/.well-known/jwks.json"

    @property
    def cookie_suffix(self) -> str:
        """The eight characters after ``__session_``: base64url of the key's SHA-1 (clerk/javascript, keys.ts)."""
        digest = hashlib.sha1(self.value.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode()[:8]


def parse_publishable_key(text: str) -> PublishableKey:
    """Return ``text`` as a key; raise ValueError, which says what is expected, if Clerk's rules refuse it."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != "pk" or parts[1] not in ("test", "live"):
        raise ValueError("three parts, pk_test_… or pk_live_…")
    encoded = parts[2]
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("base64 after the second underscore") from error
    host = decoded[:-1]
    if not decoded.endswith("$") or "$" in host or "." not in host:
        raise ValueError("a host name and a $ inside the base64 part")
    return PublishableKey(text, host)
