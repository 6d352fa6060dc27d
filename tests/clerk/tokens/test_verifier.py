"""Signatures are checked with our keys and RS256 only; T numbers are those of the catalogue of edge cases."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import SessionClaims
from tests.clerk.tokens.token_factory import FOREIGN, NOW, OURS, SESSION_ID, USER_ID, encode, prove, refusal


def test_session_token_proves_user_session_and_times() -> None:
    """T1."""
    assert prove(OURS.mint()) == SessionClaims(USER_ID, SESSION_ID, NOW, NOW + 60, None, None)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256", "", None, 256, ["RS256"]]
)
def test_any_algorithm_but_rs256_is_refused(algorithm: object) -> None:
    """T7: the header does not choose the algorithm."""
    assert refusal(OURS.mint(header={"alg": algorithm})) is TokenRejection.WRONG_ALGORITHM


def test_token_without_algorithm_is_refused() -> None:
    assert refusal(OURS.mint(without=["alg"])) is TokenRejection.WRONG_ALGORITHM


def test_unsigned_token_is_refused() -> None:
    """T7: ``alg`` none, with an empty signature."""
    header, claims, _ = OURS.mint(header={"alg": "none"}).split(".")
    assert refusal(f"{header}.{claims}.") is TokenRejection.WRONG_ALGORITHM
    header, claims, _ = OURS.mint().split(".")
    assert refusal(f"{header}.{claims}.") is TokenRejection.WRONG_SIGNATURE


@pytest.mark.parametrize("announced", ["HS256", "RS256"])
def test_public_key_is_no_shared_secret(announced: str) -> None:
    """T7: HMAC keyed with the PEM text."""
    header, claims, _ = OURS.mint(header={"alg": announced}).split(".")
    mac = hmac.digest(OURS.pem.encode(), f"{header}.{claims}".encode(), hashlib.sha256)
    assert refusal(f"{header}.{claims}.{encode(mac)}") in (
        TokenRejection.WRONG_ALGORITHM,
        TokenRejection.WRONG_SIGNATURE,
    )


def test_signature_over_another_hash_is_refused() -> None:
    """T7: RS512 under the name of RS256."""
    signed, _, _ = OURS.mint().rpartition(".")
    signature = OURS.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA512())
    assert refusal(f"{signed}.{encode(signature)}") is TokenRejection.WRONG_SIGNATURE


def test_foreign_key_is_refused() -> None:
    assert refusal(FOREIGN.mint(header={"kid": OURS.kid})) is TokenRejection.WRONG_SIGNATURE


def test_signature_is_checked_before_the_claims() -> None:
    """A sender without a key must not learn which claim is wrong."""
    assert refusal(FOREIGN.mint(exp=0, azp="https://evil.example.com", sub="mch_2x")) is TokenRejection.WRONG_SIGNATURE


@pytest.mark.parametrize("kid", ["ins_2other", "", None, 7, ["x"]])
def test_key_id_is_not_compared_with_a_pem(kid: object) -> None:
    assert refusal(OURS.mint(header={"kid": kid})) is None
    assert refusal(OURS.mint(without=["kid"])) is None
