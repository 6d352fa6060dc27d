"""Session tokens with odd JSON, from header and cookies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import Raw

from clerk_sync.emulator import LocalClerk
from tests.clerk.tokens.token_factory import ISSUER, OURS, PARTY
from tests.conftest import PUBLISHABLE_KEY
from tests.hostile_json import ODD_VALUES, encode

SUFFIXED = f"__session_{PUBLISHABLE_KEY.cookie_suffix}"


def token(user_id: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    ours = {"azp": PARTY, "exp": now + 60, "iat": now, "iss": ISSUER, "sid": "sess_2x", "sub": user_id, "v": 2}
    return OURS.sign(encode({"alg": "RS256", "kid": OURS.kid} | (header or {})), encode(ours | claims))


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    app = make_app(jwt_key=OURS.pem, issuer=ISSUER, authorized_parties=(PARTY,))
    # Without a cookie jar, which would replace the Cookie header.
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize("where", ["claims", "header"])
def test_a_valid_token_with_an_odd_custom_value_signs_its_own_user_in(client: FlaskClient, where: str) -> None:
    other = token("user_other")
    for name, odd in ODD_VALUES.items():
        custom = {"custom": Raw(odd)}
        odd_token = token("user_odd", **custom) if where == "claims" else token("user_odd", custom)
        for headers in (
            {"Authorization": f"Bearer {odd_token}"},
            {"Cookie": f"__session={odd_token}"},
            {"Cookie": f"{SUFFIXED}={odd_token}; __session={other}"},
        ):
            # Twice, because verified tokens are cached.
            for _ in range(2):
                answer = client.get("/api/session", headers=headers)
                assert (answer.status_code, answer.get_json().get("user_id")) == (200, "user_odd"), name
            assert client.get("/api/me", headers=headers).get_json()["clerk_id"] == "user_odd", name


@pytest.mark.parametrize("claim", ["sub", "sid", "sts", "iss", "azp", "exp", "iat", "nbf"])
def test_an_odd_value_in_a_claim_that_a_rule_reads_is_401(client: FlaskClient, claim: str) -> None:
    for name, odd in ODD_VALUES.items():
        headers = {"Authorization": f"Bearer {token('user_odd', **{claim: Raw(odd)})}"}
        answer = client.get("/api/session", headers=headers)
        assert (answer.status_code, answer.headers["x-clerk-auth-reason"]) == (401, answer.get_json()["code"]), name


def test_a_key_set_with_odd_values_verifies_sessions(make_app: Callable[..., Flask], clerk: LocalClerk) -> None:
    odds = [Raw(odd) for odd in ODD_VALUES.values()]
    useless = [{"kty": "RSA", "kid": odd, "n": odd, "e": odd} for odd in odds]
    key_set = {"keys": [*odds, *useless, OURS.jwk | {"unread": odds}], "unread": odds}
    clerk.faults.add("/v1/jwks", body=encode(key_set), times=None)
    app = make_app(
        jwt_key=None, secret_key=clerk.secret_key, api_url=clerk.url, issuer=ISSUER, authorized_parties=(PARTY,)
    )
    headers = {"Authorization": f"Bearer {token('user_odd')}"}
    assert app.test_client().get("/api/session", headers=headers).status_code == 200
