"""Parsers of environment variables: each takes the text and returns the normalized value.

Each raises ValueError. Its text says what is expected. It never quotes the value, which may be a secret.
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
    """Return the publishable key with the host that it contains."""
    return parse_publishable_key(text)


def bearer_token(text: str) -> str:
    """Return a token that an HTTP header can carry."""
    if not re.fullmatch("[!-~]+", text):
        raise ValueError("printable ASCII characters without spaces")
    return text


def jwt_key(text: str) -> str:
    """Return the public key as a PEM. Escaped, quoted and one-line forms are accepted."""
    try:
        return normalise_public_key(text)
    except ValueError as error:
        raise ValueError("the instance's RSA public key as a PEM") from error


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
        raise ValueError("whsec_ followed by base64; several are separated by commas")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Return the origins; empty entries are ignored."""
    return tuple(_origin(part) for part in _list(text))


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def _origin(text: str) -> str:
    # An origin is compared exactly with what the browser sends. One in another form would never match.
    default_port = {"https": ":443", "http": ":80"}.get(text.partition("://")[0], "/")
    if not _ORIGIN.fullmatch(text) or text.endswith(default_port):
        raise ValueError(
            "origins as browsers send them, https://shop.example.com: no path, no trailing slash, no default port"
        )
    return text


def issuer(text: str) -> str | None:
    """Return the issuer unchanged: it must equal the ``iss`` of tokens exactly."""
    _plain_url(text, "a URL such as https://clerk.example.com")
    return text


def api_url(text: str) -> str:
    """Return the URL without a trailing slash."""
    expected = "a URL without /v1, such as https://api.clerk.com"
    if _plain_url(text, expected).path.rstrip("/").endswith("/v1"):
        raise ValueError(expected)
    return text.rstrip("/")


def _plain_url(text: str, expected: str) -> SplitResult:
    """Return the parts of an HTTP URL that has only host, port and path; raise ValueError(expected) for any other."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    is_plain = not (parts.query or parts.fragment or parts.username is not None) and re.fullmatch("[!-~]+", text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain or port == 0:
        raise ValueError(expected)
    return parts


LONGEST_IDENTIFIER_BYTES = 63


def schema(text: str) -> str:
    """Return the name of a PostgreSQL schema. It is case-sensitive and may contain any characters but NUL."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # an environment variable that is not UTF-8
        size = 0
    if not 0 < size <= LONGEST_IDENTIFIER_BYTES or "\0" in text:
        raise ValueError(f"the name of a schema, 1 to {LONGEST_IDENTIFIER_BYTES} bytes of UTF-8 without NUL")
    # In a search_path "$user" stands for the schema that is named like the login, even in quotes.
    if text.startswith("pg_") or text in ("information_schema", "$user"):
        raise ValueError("a schema of your own, such as clerk: PostgreSQL uses this name itself")
    return text


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def log_level(text: str) -> str:
    """Return the level in upper case."""
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise ValueError("DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
