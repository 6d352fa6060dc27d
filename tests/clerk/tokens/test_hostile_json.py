"""Claims that no rule reads may have any value. A claim that a rule reads has to satisfy it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.tokens.verifier import SessionClaims
from tests.clerk.tokens.token_factory import (
    ISSUER,
    NOW,
    OURS,
    PARTY,
    SESSION_ID,
    USER_ID,
    prove,
    refusal,
    session_claims,
)
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, each, encode, texts

HEADER = {"alg": "RS256", "kid": OURS.kid, "typ": "JWT"}


def token(header: dict[str, Any] | None = None, **claims: Any) -> str:
    return OURS.sign(encode(HEADER | (header or {})), encode(session_claims() | claims))


@each(ODD_VALUES)
def test_odd_values_in_what_no_rule_reads_are_of_no_consequence(odd: Raw) -> None:
    proven = prove(OURS.mint())
    assert prove(token(custom=odd)) == proven
    assert prove(token(custom={"a": [odd]})) == proven
    assert prove(token({"custom": odd})) == proven


@each(ODD_VALUES)
@pytest.mark.parametrize("claim", ["sub", "sid", "sts", "iss", "azp", "exp", "iat", "nbf"])
def test_an_odd_value_in_a_claim_that_a_rule_reads_is_refused(claim: str, odd: Raw) -> None:
    assert refusal(token(**{claim: odd})) is not None


@each(ODD_VALUES)
@pytest.mark.parametrize("parameter", ["alg", "typ", "cat", "crit"])
def test_an_odd_value_in_a_parameter_that_a_rule_reads_is_refused(parameter: str, odd: Raw) -> None:
    assert refusal(token({parameter: odd})) is not None


@each(ODD_VALUES)
@pytest.mark.parametrize("claims", [{"v": 2, "o": {"id": "org_2x"}}, {"v": 1, "org_id": "org_2x"}])
def test_an_odd_value_beside_the_organization_does_not_cost_it(claims: dict[str, Any], odd: Raw) -> None:
    odd_claims = claims | ({"o": {"id": "org_2x", "fpm": odd}} if "o" in claims else {"org_permissions": odd})
    assert prove(token(**odd_claims)) == prove(OURS.mint(**claims))


@each(UNREADABLE_VALUES)
def test_an_organization_or_impersonator_that_cannot_be_read_is_none(odd: Raw) -> None:
    proven = prove(OURS.mint())
    for claims in ({"o": odd}, {"o": {"id": odd}}, {"act": odd}, {"act": {"sub": odd}}, {"v": odd}):
        assert prove(token(**claims)) == proven


@each(BROKEN_TEXTS)
@pytest.mark.parametrize("prefix", ["user_2x", "user_2\ufffd"])
def test_broken_text_never_becomes_the_id_of_a_user(prefix: str, odd: Raw) -> None:
    broken = Raw(encode(prefix)[:-1] + bytes(odd)[1:])
    assert refusal(token(sub=broken)) is not None
    assert refusal(token(sid=broken)) is not None


def test_of_a_claim_that_occurs_twice_the_last_counts_even_if_it_cannot_be_read() -> None:
    claims = encode(session_claims())
    assert refusal(OURS.sign(encode(HEADER), claims[:-1] + b',"sub":1e400}')) is not None
    assert prove(OURS.sign(encode(HEADER), b'{"sub":1e400,' + claims[1:])).user_id == USER_ID


VALUES = [encode(value) for value in (*session_claims().values(), *HEADER.values(), session_claims())]


@given(
    header=st.just(encode(HEADER)) | texts(HEADER, VALUES), claims=texts([*session_claims(), "o", "act", "v"], VALUES)
)
def test_any_bytes_under_our_signature_are_a_proof_or_a_refusal(header: bytes, claims: bytes) -> None:
    try:
        proven = prove(OURS.sign(header, claims))
    except TokenError:
        return
    read = json.loads(claims.decode(errors="replace"), parse_int=_small)
    assert proven == SessionClaims(
        read["sub"], read["sid"], int(read["iat"]), int(read["exp"]), proven.org, proven.impersonator_id
    )
    assert (proven.user_id, proven.session_id) == (USER_ID, SESSION_ID)
    assert (read.get("iss"), read.get("azp")) == (ISSUER, PARTY)
    assert proven.issued_at <= NOW + 5


def _small(digits: str) -> int:
    return int(digits) if len(digits) < 4000 else 0
