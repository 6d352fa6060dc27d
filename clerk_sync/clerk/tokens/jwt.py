"""Parse the compact form of a session token, strictly, and check its header. The signature is checked elsewhere."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError, TokenError
from clerk_sync.clerk.tokens.rejection import TokenRejection

# Common servers accept this much in one header line. Clerk asks to keep a session token under the 4 KB of a cookie.
MAX_LENGTH = 8192

SESSION_CATEGORY = "cl_B7d4PD111AAA"
UNSPECIFIC_CATEGORY = "cl_I7d4PD111III"  # Clerk: "carries no class information"
OAUTH_TYPES = ("at+jwt", "application/at+jwt")

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")

_object = JsonDecoder(dict[str, Any])


class ParsedJwt(NamedTuple):
    """A token with a permitted header. Its claims are not verified."""

    kid: object
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse_jwt(token: str) -> ParsedJwt:
    """Return the parts of ``token``; raise TokenError unless it has the form and the header of a session token.

    The form is three base64url parts around two JSON objects, in one spelling only: padding, line breaks, foreign
    characters and stray bits at the end of a part are refused. Of a repeated name in an object the last counts, as in
    JavaScript. NaN and Infinity are not JSON.
    """
    if len(token) > MAX_LENGTH:
        raise TokenError(TokenRejection.MALFORMED)
    try:
        signed, _, signature_part = token.encode("ascii").rpartition(b".")
        header_part, claims_part = signed.split(b".")
        header_json, claims_json = _decode_part(header_part), _decode_part(claims_part)
        signature = _decode_part(signature_part)
        header, claims = _object.decode(header_json), _object.decode(claims_json)
    except (ValueError, NotJsonError) as error:
        raise TokenError(TokenRejection.MALFORMED) from error
    _check_header(header)
    return ParsedJwt(header.get("kid"), claims, signed, signature)


def _decode_part(part: bytes) -> bytes:
    # Python's decoder skips unknown characters. Only a part that encodes back to itself is really base64url.
    octets = a2b_base64(part.translate(_TO_STANDARD) + b"==")
    if b2a_base64(octets, newline=False).translate(_TO_URLSAFE).rstrip(b"=") != part:
        raise ValueError("not canonical base64url")
    return octets


def _check_header(header: Mapping[str, Any]) -> None:
    """Raise TokenError unless ``header`` is that of a session token under RS256. Unknown parameters are fine.

    A default in ``get`` stands for "absent". JSON ``null`` is not absent: it is a wrong value.
    """
    token_type = header.get("typ", "JWT")
    if token_type in OAUTH_TYPES:
        raise TokenError(TokenRejection.WRONG_KIND)
    # All tokens of an instance share one key: without this rule a template's token would pass for a session.
    if header.get("cat", SESSION_CATEGORY) not in (SESSION_CATEGORY, UNSPECIFIC_CATEGORY):
        raise TokenError(TokenRejection.WRONG_KIND)
    if token_type != "JWT":  # noqa: S105 - a type, no password
        raise TokenError(TokenRejection.MALFORMED)
    if header.get("alg") != "RS256":
        raise TokenError(TokenRejection.WRONG_ALGORITHM)
    # RFC 7515: a verifier must refuse critical extensions that it does not understand. We understand none.
    if "crit" in header:
        raise TokenError(TokenRejection.VERIFICATION_FAILED)
