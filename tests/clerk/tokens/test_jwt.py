"""The compact form: three base64url parts in one spelling around two JSON objects, and anything else is malformed."""

from __future__ import annotations

import json

import pytest

from clerk_sync.clerk.tokens.rejection import TokenRejection
from tests.clerk.tokens.token_factory import OURS, USER_ID, encode, prove, refusal, session_claims

NESTED = b'{"a":' * 1000


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30", "W10.W10.W10", "Bearer", "null", "{}"),
        *("x" * 10_240, "é.é.é", "\ud800", "\x00..", f"{encode(b'[' * 5000)}.e30.AA", f"{encode(NESTED)}.e30.AA"),
    ],
)
def test_garbage_is_refused(token: str) -> None:
    """T21: two parts, nothing, ten kilobytes, foreign characters, deep nesting."""
    assert refusal(token) is TokenRejection.MALFORMED


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b"[]", b"{}"),
        (b"{}", b"null"),
        (b'{"alg":"RS256"}', b'{"exp":NaN}'),
        (b'{"alg":"RS256"}', b'{"exp":Infinity}'),
        (b'{"alg":"RS256"}', b"\xef\xbb\xbf{}"),
        (b'{"alg":"RS256"}', b"{} {}"),
        (b'{"alg":"RS256"}', b""),
    ],
)
def test_signed_nonsense_is_malformed(header: bytes, claims: bytes) -> None:
    assert refusal(OURS.sign(header, claims)) is TokenRejection.MALFORMED


def test_of_a_claim_that_is_there_twice_the_last_counts() -> None:
    """As in JavaScript: two readers of one token must not see two users."""
    claims = '{"sub": "user_2first", ' + json.dumps(session_claims())[1:]
    assert prove(OURS.sign(b'{"alg":"none","alg":"RS256"}', claims.encode())).user_id == USER_ID


def test_token_has_one_spelling() -> None:
    """The same signature must not verify under a second string: padding, blanks, other alphabets, stray bits."""
    token = OURS.mint(jti="~~~???>>>")
    header, claims, signature = token.split(".")
    assert refusal(token) is None
    stray = chr(ord(signature[-1]) + 1)
    for variant in (
        f"{token}==",
        f"{header}=.{claims}.{signature}",
        f" {token}",
        f"{token}\n",
        f"{header}.{claims}.{signature[:9]} {signature[9:]}",
        f"{header}.{claims}.{signature[:9]}!{signature[9:]}",
        f"{header}.{claims}.{signature[:-1]}{stray}",
        token.replace("-", "+").replace("_", "/"),
    ):
        assert refusal(variant) is TokenRejection.MALFORMED, variant


@pytest.mark.parametrize("length", [8192, 8193])
def test_token_fits_a_header_line(length: int) -> None:
    fill = "x" * ((length - len(OURS.mint(note=""))) * 3 // 4 - 4)
    token = OURS.mint(note=fill)
    while len(token) < length:
        fill += "x"
        token = OURS.mint(note=fill)
    assert refusal(token) is (None if len(token) <= 8192 else TokenRejection.MALFORMED)
