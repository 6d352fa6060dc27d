"""How each variable is spelled: a function takes the text and returns the value, tidy.

Each raises ValueError whose text says what is expected, and never what was found: that may be a secret.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from clerk_sync.clerk.jwks.pem import normalise_public_key
from clerk_sync.clerk.publishable_key import PublishableKey, parse_publishable_key


def secret_key(text: str) -> str:
    """Return Clerk's secret key."""
    if not re.fullmatch(r"sk_(test|live)_[!-~]+", text):
        raise ValueError("sk_test_… or sk_live_…")
    return text


def publishable_key(text: str) -> PublishableKey | None:
    """Return the publishable key with what it gives away."""
    return parse_publishable_key(text)


def bearer_token(text: str) -> str:
    """Return a token that fits into a header."""
    if not re.fullmatch("[!-~]+", text):
        raise ValueError("printable ASCII, as a header can carry it")
    return text


def jwt_key(text: str) -> str:
    """Return the public key as a PEM, from any form that people paste."""
    try:
        return normalise_public_key(text)
    except ValueError as error:
        raise ValueError("the PEM public key of the instance (RSA)") from error


def signing_secrets(text: str) -> tuple[str, ...]:
    """Return at least one signing secret."""
    return tuple(_signing_secret(part) for part in _list(text) or [""])


def _signing_secret(text: str) -> str:
    prefix, _, encoded = text.partition("_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if prefix != "whsec" or not key:
        raise ValueError("whsec_ and base64, several separated by commas")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Return the origins; of nothing but commas, none."""
    return tuple(_origin(part) for part in _list(text))


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def _origin(text: str) -> str:
    # Compared exactly with what a browser sends: anything else in the list could never match.
    default_port = {"https": ":443", "http": ":80"}.get(text.partition("://")[0], "/")
    if not _ORIGIN.fullmatch(text) or text.endswith(default_port):
        raise ValueError(
            "origins as browsers send them, https://shop.example.com: no path, no slash at the end, no default port"
        )
    return text


def issuer(text: str) -> str | None:
    """Return the issuer as it stands there: tokens are compared with it letter by letter."""
    _plain_url(text, "a URL such as https://clerk.example.com")
    return text


def api_url(text: str) -> str:
    """Return the address without a slash at the end."""
    expected = "a URL without /v1, such as https://api.clerk.com"
    if _plain_url(text, expected).path.rstrip("/").endswith("/v1"):
        raise ValueError(expected)
    return text.rstrip("/")


def _plain_url(text: str, expected: str) -> SplitResult:
    """Return the parts of an http URL of nothing but host, port and path; raise ValueError saying what is expected."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    is_plain = not (parts.query or parts.fragment or parts.username is not None) and re.fullmatch("[!-~]+", text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain or port == 0:
        raise ValueError(expected)
    return parts


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return the function for whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def log_level(text: str) -> str:
    """Return the level in capitals."""
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ValueError("DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
