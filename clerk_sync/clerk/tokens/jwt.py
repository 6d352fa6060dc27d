"""The compact form of a JSON Web Token, taken apart strictly. Nothing here is proven: see ``tokens``."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Any, NamedTuple

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError, TokenError
from clerk_sync.clerk.tokens.rejection import TokenRejection

# What common servers accept for one header line. Clerk asks to keep a session token under the 4 KB of a cookie.
MAX_LENGTH = 8192

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")

_object = JsonDecoder(dict[str, Any])


class CompactToken(NamedTuple):
    """The parts of a token, as somebody wrote them."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse_compact(token: str) -> CompactToken:
    """Return the parts of ``token``; raise TokenError where it is not three base64url parts around two JSON objects.

    A token has one spelling: padding, line breaks, foreign characters and stray bits at the end of a part are refused.
    Of a name that occurs twice in an object the last one counts, as in JavaScript; NaN and Infinity are not JSON.
    """
    if len(token) > MAX_LENGTH:
        raise TokenError(TokenRejection.MALFORMED)
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
        header, claims = signed.split(b".")
        return CompactToken(
            _object.decode(_decode_part(header)), _object.decode(_decode_part(claims)), signed, _decode_part(signature)
        )
    except (ValueError, NotJsonError) as error:
        raise TokenError(TokenRejection.MALFORMED) from error


def _decode_part(part: bytes) -> bytes:
    # Python's decoder skips what it does not know; only a part that encodes back to itself was really base64url.
    octets = a2b_base64(part.translate(_TO_STANDARD) + b"==")
    if b2a_base64(octets, newline=False).translate(_TO_URLSAFE).rstrip(b"=") != part:
        raise ValueError("not canonical base64url")
    return octets
