"""Any token is verified, refused, or cannot be decided, and none is verified against the rules."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clerk_sync.clerk.tokens.rejection import TokenRejection
from tests.clerk.tokens.token_factory import FOREIGN, ISSUER, NOW, OURS, PARTY, refusal, session_claims
from tests.conftest import examples

TOKEN = OURS.mint()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.integers(NOW - 20, NOW + 20) | st.floats(NOW - 20, NOW + 20)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "sub": st.sampled_from(["user_2x", "mch_2x", "user_", "user_2x\n"]) | JSON,
        "sid": st.sampled_from(["sess_2x", ""]) | JSON,
        "exp": TIMES | JSON,
        "iat": TIMES | JSON,
        "nbf": TIMES | JSON,
        "iss": st.sampled_from([ISSUER, f"{ISSUER}/"]) | JSON,
        "azp": st.sampled_from([PARTY, f"{PARTY}/"]) | JSON,
        "sts": st.sampled_from(["active", "pending"]) | JSON,
        "o": JSON,
        "act": JSON,
        "v": st.sampled_from([1, 2]) | JSON,
        "org_id": JSON,
        "org_role": JSON,
    },
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "none", "HS256"]) | JSON,
        "typ": st.sampled_from(["JWT", "at+jwt"]) | JSON,
        "cat": st.sampled_from(["cl_B7d4PD111AAA", "cl_B7d4PD222AAA", "cl_I7d4PD111III"]) | JSON,
        "kid": JSON,
        "crit": JSON,
    },
)
# Most claims as Clerk writes them, so that a good token is not a rare accident.
MOSTLY_GOOD = st.lists(st.sampled_from(sorted(session_claims())), unique=True, min_size=9)


def may_pass(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """State the rules a second time, independently."""
    return (
        header.get("alg") == "RS256"
        and ("typ" not in header or header["typ"] == "JWT")
        and ("cat" not in header or header["cat"] in ["cl_B7d4PD111AAA", "cl_I7d4PD111III"])
        and "crit" not in header
        and re.match(r"\Auser_[-\w]{1,64}\Z", str(claims.get("sub")), re.ASCII) is not None
        and isinstance(claims.get("sid"), str)
        and 1 <= len(claims["sid"]) <= 128
        and all(" " <= character <= "~" for character in claims["sid"])
        and claims.get("iss") == ISSUER
        and claims.get("azp") == PARTY
        and ("sts" not in claims or claims["sts"] == "active")
        and _is_time(claims.get("exp"))
        and claims["exp"] > NOW - 5
        and _is_time(claims.get("iat"))
        and claims["iat"] <= NOW + 5
        and ("nbf" not in claims or (_is_time(claims["nbf"]) and claims["nbf"] <= NOW + 5))
    )


def _is_time(value: object) -> bool:
    return type(value).__name__ in ("int", "float") and -(2**53) < value < 2**53  # type: ignore[operator]  # a number


@given(header=st.just({}) | HEADERS, claims=CLAIMS, good=MOSTLY_GOOD)
@settings(max_examples=examples(2000))
def test_signed_token_passes_exactly_where_every_rule_allows(
    header: dict[str, Any], claims: dict[str, Any], good: list[str]
) -> None:
    claims |= {name: value for name, value in session_claims().items() if name in good}
    whole_header = {"alg": "RS256", "kid": OURS.kid, "typ": "JWT"} | header
    expected = may_pass(whole_header, session_claims() | claims)
    assert (refusal(OURS.mint(header=header, **claims)) is None) is expected


@given(header=HEADERS, claims=CLAIMS)
def test_token_of_another_key_never_passes(header: dict[str, Any], claims: dict[str, Any]) -> None:
    assert refusal(FOREIGN.mint(header=header, **claims)) is not None


@given(position=st.integers(0, len(TOKEN) - 1), character=st.characters())
def test_no_other_character_at_any_place_passes(position: int, character: str) -> None:
    changed = f"{TOKEN[:position]}{character}{TOKEN[position + 1 :]}"
    assert (refusal(changed) is None) is (changed == TOKEN)


@given(start=st.integers(0, len(TOKEN)), end=st.integers(0, len(TOKEN)), inserted=st.text(max_size=20))
def test_no_cut_or_insertion_passes(start: int, end: int, inserted: str) -> None:
    changed = f"{TOKEN[:start]}{inserted}{TOKEN[end:]}"
    assert (refusal(changed) is None) is (changed == TOKEN)


@given(token=st.text(max_size=300) | st.lists(st.text("AQgwe30-_=W10", max_size=12), max_size=5).map(".".join))
def test_text_is_refused(token: str) -> None:
    assert refusal(token) in set(TokenRejection)


@given(header=st.binary(max_size=60), claims=st.binary(max_size=60))
def test_signed_bytes_are_refused(header: bytes, claims: bytes) -> None:
    assert refusal(OURS.sign(header, claims)) in set(TokenRejection)
