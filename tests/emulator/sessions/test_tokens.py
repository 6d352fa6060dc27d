from __future__ import annotations

import time
from typing import Any

import pytest
from jose import jwt
from jose.exceptions import JWTError

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api


def verified(clerk: LocalClerk, token: str, pem: str | None = None) -> dict[str, Any]:
    return jwt.decode(token, pem or clerk.public_key_pem, algorithms=["RS256"], issuer=clerk.issuer)


def test_a_session_token_carries_the_claims_and_the_header_of_version_2(clerk: LocalClerk) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    token = clerk.session_token(user_id)
    claims = verified(clerk, token)
    assert set(claims) == {"azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v"}
    assert (claims["sub"], claims["azp"], claims["sts"], claims["v"]) == (
        user_id,
        clerk.authorized_origin,
        "active",
        2,
    )
    assert (claims["exp"] - claims["iat"], claims["iat"] - claims["nbf"]) == (60, 10)
    assert abs(claims["iat"] - time.time()) < 5
    assert jwt.get_unverified_header(token) == {
        "alg": "RS256",
        "typ": "JWT",
        "cat": "cl_B7d4PD111AAA",
        "kid": clerk.instance_id,
    }


@pytest.mark.parametrize("azp", ["", "https://evil.example.com"])
def test_an_authorized_party_is_taken_as_it_is_given_even_an_empty_one(clerk: LocalClerk, azp: str) -> None:
    assert verified(clerk, clerk.session_token("user_unknown", azp=azp))["azp"] == azp


def test_tokens_of_one_user_belong_to_one_session_and_differ(clerk: LocalClerk) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    first, second = (verified(clerk, clerk.session_token(user_id)) for _ in range(2))
    assert first["sid"] == second["sid"] == clerk.sessions.all()[0].id
    assert first["jti"] != second["jti"]


def test_anything_in_a_token_can_be_made_wrong(clerk: LocalClerk) -> None:
    token = clerk.session_token(
        "user_unknown", azp=None, sub=7, extra={"a": 1}, without=("exp", "kid"), header={"typ": "at+jwt"}
    )
    claims, header = jwt.get_unverified_claims(token), jwt.get_unverified_header(token)
    assert (claims["sub"], claims["extra"]) == (7, {"a": 1})
    assert "azp" not in claims
    assert "exp" not in claims
    assert header == {"alg": "RS256", "cat": "cl_B7d4PD111AAA", "typ": "at+jwt"}


def test_a_token_can_have_expired_already(clerk: LocalClerk) -> None:
    with pytest.raises(JWTError, match="expired"):
        verified(clerk, clerk.session_token("user_x", expires_in_s=-10))


def test_a_service_gets_tokens_without_azp_for_a_session(clerk: LocalClerk, api: Api) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    session = api.call("POST", "/v1/sessions", json={"user_id": user_id}).json()
    path = f"/v1/sessions/{session['id']}/tokens"
    claims = verified(clerk, api.call("POST", path).json()["jwt"])
    assert (claims["sid"], claims["sub"], "azp" in claims) == (session["id"], user_id, False)
    long_lived = verified(clerk, api.call("POST", path, json={"expires_in_seconds": 3600}).json()["jwt"])
    assert long_lived["exp"] - long_lived["iat"] == 3600
    refused = (422, "form_param_value_invalid", "expires_in_seconds")
    assert api.refusal("POST", path, json={"expires_in_seconds": 29}) == refused
