"""The rules for header and claims; T numbers are those of the catalogue of edge cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clerk_sync.clerk.tokens.rejection import TokenRejection
from tests.clerk.tokens.token_factory import ISSUER, NOW, OURS, PARTY, POLICY, prove, refusal

ANY_PARTY = replace(POLICY, authorized_parties=frozenset())
ANY_ISSUER = replace(POLICY, issuer=None)
AZP_MAY_BE_MISSING = replace(POLICY, missing_azp_allowed=True)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {"sub": "mch_2abcdefghijklmnopqrstuvwxyz"}),
        ({"typ": "at+jwt"}, {}),
        ({"typ": "application/at+jwt"}, {}),
        ({"cat": "cl_B7d4PD222AAA"}, {}),
        ({"cat": "cl_B7d4PD333AAA"}, {}),
        ({"cat": "cl_unheard_of"}, {}),
        ({"cat": None}, {}),
        ({"cat": ["cl_B7d4PD111AAA"]}, {}),
    ],
)
def test_other_kinds_of_tokens_under_the_same_key_are_refused(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """T10: machine, OAuth and template tokens."""
    assert refusal(OURS.mint(header=header, **claims)) is TokenRejection.WRONG_KIND


@pytest.mark.parametrize("token", ["ak_0123456789abcdef", "oat_0123456789abcdef", "mt_0123456789abcdef"])
def test_opaque_machine_token_is_refused(token: str) -> None:
    """T11."""
    assert refusal(token) is TokenRejection.MALFORMED


@pytest.mark.parametrize("category", ["cl_B7d4PD111AAA", "cl_I7d4PD111III"])
def test_further_header_parameters_are_fine(category: str) -> None:
    """T19."""
    assert refusal(OURS.mint(header={"cat": category, "oiat": NOW, "x5t": "x", "b64": True})) is None


@pytest.mark.parametrize("critical", [["exp"], [], None, "b64"])
def test_critical_extension_is_refused(critical: object) -> None:
    assert refusal(OURS.mint(header={"crit": critical})) is TokenRejection.VERIFICATION_FAILED


@pytest.mark.parametrize("token_type", ["jwt", "JWS", "", None, 1, ["JWT"]])
def test_type_is_jwt_or_absent(token_type: object) -> None:
    assert refusal(OURS.mint(header={"typ": token_type})) is TokenRejection.MALFORMED
    assert refusal(OURS.mint(without=["typ"])) is None


@pytest.mark.parametrize(
    ("ago_s", "expected"),
    [(0, None), (4, None), (4.999, None), (5, TokenRejection.EXPIRED), (3600, TokenRejection.EXPIRED)],
)
def test_token_is_good_until_five_seconds_after_its_expiry(ago_s: float, expected: TokenRejection | None) -> None:
    """T2, and T4: an hour is a browser tab that was suspended."""
    assert refusal(OURS.mint(exp=NOW), now=NOW + ago_s) is expected


@pytest.mark.parametrize(
    ("claim", "reason"), [("nbf", TokenRejection.NOT_YET_VALID), ("iat", TokenRejection.ISSUED_IN_THE_FUTURE)]
)
def test_token_is_good_from_five_seconds_before_its_time(claim: str, reason: TokenRejection) -> None:
    """T3."""

    def found(ahead_s: int) -> TokenRejection | None:
        changes: dict[str, Any] = {claim: NOW + ahead_s}
        return refusal(OURS.mint(**changes))

    assert [found(4), found(5), found(6)] == [None, None, reason]


@pytest.mark.parametrize(
    "azp",
    [
        *(f"{PARTY}/", "http://app.example.com", "https://evil.example.com", "app.example.com", PARTY.upper(), ""),
        *(None, 7, True, [PARTY], {"0": PARTY}),
    ],
)
def test_authorized_party_is_compared_exactly(azp: object) -> None:
    """T5. Also two careless spellings, and values that are no string."""
    assert refusal(OURS.mint(azp=azp)) is TokenRejection.WRONG_PARTY
    # The switch is for tokens without the claim; it must not let an odd one in.
    assert refusal(OURS.mint(azp=azp), AZP_MAY_BE_MISSING) is TokenRejection.WRONG_PARTY


def test_part_of_an_authorized_party_is_refused() -> None:
    """A list is compared by whole entries, not by substring."""
    assert refusal(OURS.mint(azp="https://app")) is TokenRejection.WRONG_PARTY


def test_missing_authorized_party_is_refused_where_parties_are_configured() -> None:
    """T6."""
    token = OURS.mint(without=["azp"])
    assert refusal(token) is TokenRejection.WRONG_PARTY
    assert refusal(token, AZP_MAY_BE_MISSING) is None
    assert refusal(token, ANY_PARTY) is None


@pytest.mark.parametrize("azp", [None, 7, [PARTY]])
def test_authorized_party_is_a_string_even_where_none_is_configured(azp: object) -> None:
    assert refusal(OURS.mint(azp=azp), ANY_PARTY) is TokenRejection.WRONG_PARTY
    assert refusal(OURS.mint(azp="https://anywhere.example.com"), ANY_PARTY) is None


@pytest.mark.parametrize("issuer", ["https://clerk.other.example.com", f"{ISSUER}/", "clerk.example.com", "", None, 7])
def test_issuer_is_compared_exactly_where_one_is_known(issuer: object) -> None:
    """T8."""
    assert refusal(OURS.mint(iss=issuer)) is TokenRejection.VERIFICATION_FAILED


def test_missing_issuer_is_refused_where_one_is_known() -> None:
    assert refusal(OURS.mint(without=["iss"])) is TokenRejection.VERIFICATION_FAILED
    assert refusal(OURS.mint(without=["iss"]), ANY_ISSUER) is None


def test_issuer_is_a_string_even_where_none_is_known() -> None:
    assert refusal(OURS.mint(iss="https://anything.example.com"), ANY_ISSUER) is None
    assert refusal(OURS.mint(iss=["https://anything.example.com"]), ANY_ISSUER) is TokenRejection.VERIFICATION_FAILED
    assert refusal(OURS.mint(iss=None), ANY_ISSUER) is TokenRejection.VERIFICATION_FAILED


def test_template_token_without_category_is_refused_for_its_missing_session() -> None:
    """T10."""
    assert refusal(OURS.mint(without=["sid"])) is TokenRejection.VERIFICATION_FAILED


@pytest.mark.parametrize("status", ["pending", "", "ACTIVE", "ended", None, True, 1])
def test_session_that_is_not_active_is_refused(status: object) -> None:
    """T14."""
    assert refusal(OURS.mint(sts=status)) is TokenRejection.VERIFICATION_FAILED
    assert refusal(OURS.mint(without=["sts"])) is None


@pytest.mark.parametrize("audience", ["https://api.example.com", ["a", "b"], [], None])
def test_audience_is_not_checked(audience: object) -> None:
    """T15: customised tokens carry one."""
    assert refusal(OURS.mint(aud=audience)) is None


@pytest.mark.parametrize(
    "user_id",
    [
        *("", "user_", "user-2x", "USER_2x", " user_2x", "user_2x\n", "user_2x/..", "user_ü", f"user_{'x' * 65}"),
        *("org_2x", None, 7, True, ["user_2x"], {"user_2x": 1}),
    ],
)
def test_subject_is_a_user_id(user_id: object) -> None:
    assert refusal(OURS.mint(sub=user_id)) is TokenRejection.VERIFICATION_FAILED


@pytest.mark.parametrize("user_id", ["user_2", f"user_{'x' * 64}", "user_A-b_9"])
def test_subject_may_be_any_user_id(user_id: str) -> None:
    assert prove(OURS.mint(sub=user_id)).user_id == user_id


@pytest.mark.parametrize("claim", ["sub", "sid", "exp", "iat"])
def test_required_claim_may_not_be_missing(claim: str) -> None:
    assert refusal(OURS.mint(without=[claim])) is TokenRejection.VERIFICATION_FAILED


def test_not_before_may_be_missing() -> None:
    assert refusal(OURS.mint(without=["nbf"])) is None


@pytest.mark.parametrize("session_id", ["", "x" * 129, "sess_\n", "sess_\x7f", "sess_ü", "sess_\x00", None, 7, ["x"]])
def test_session_id_is_printable_ascii(session_id: object) -> None:
    assert refusal(OURS.mint(sid=session_id)) is TokenRejection.VERIFICATION_FAILED


@pytest.mark.parametrize("session_id", ["s", "x" * 128, "!~"])
def test_session_id_may_be_any_printable_ascii(session_id: str) -> None:
    assert prove(OURS.mint(sid=session_id)).session_id == session_id


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [None, True, False, str(NOW), "", [NOW], {}, 2**53, -(2**53), 1e300, 10**400])
def test_time_is_a_number_that_json_readers_hold_exactly(claim: str, value: object) -> None:
    """``true`` would be 1 in Python, null is not "absent", and 1e300 would never expire."""
    changes: dict[str, Any] = {claim: value}
    assert refusal(OURS.mint(**changes)) is TokenRejection.VERIFICATION_FAILED
