from __future__ import annotations

import pytest
import requests
from jose import jwt
from jose.exceptions import JWTError

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api


def test_the_key_set_is_the_same_with_and_without_the_secret_key(clerk: LocalClerk, api: Api) -> None:
    published = requests.get(clerk.url + "/.well-known/jwks.json", timeout=10).json()
    assert published == api.get("/v1/jwks").json()
    assert [(key["kid"], key["alg"], key["use"]) for key in published["keys"]] == [(clerk.instance_id, "RS256", "sig")]
    assert jwt.decode(clerk.session_token("user_x"), published["keys"][0], algorithms=["RS256"])["sub"] == "user_x"


def test_a_rotated_key_has_a_new_id_and_the_old_one_is_gone(clerk: LocalClerk, api: Api) -> None:
    before = clerk.public_key_pem
    old = clerk.keys.rotate()
    (published,) = api.get("/v1/jwks").json()["keys"]
    assert published["kid"] not in (old.kid, "")
    with pytest.raises(JWTError):
        jwt.decode(clerk.session_token("user_x"), before, algorithms=["RS256"])
    assert jwt.decode(clerk.session_token("user_x", key=old), before, algorithms=["RS256"])


def test_a_rotated_key_may_keep_its_id(clerk: LocalClerk, api: Api) -> None:
    before = api.get("/v1/jwks").json()["keys"][0]
    clerk.keys.rotate(keep_kid=True)
    (after,) = api.get("/v1/jwks").json()["keys"]
    assert after["kid"] == before["kid"]
    assert after["n"] != before["n"]


def test_both_keys_can_be_published_for_a_while(clerk: LocalClerk, api: Api) -> None:
    old = clerk.keys.rotate(keep_old=True)
    assert [key["kid"] for key in api.get("/v1/jwks").json()["keys"]] == [clerk.keys.current.kid, old.kid]


def test_two_instances_sign_with_different_keys(clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        assert other.public_key_pem != clerk.public_key_pem
        assert other.instance_id != clerk.instance_id
