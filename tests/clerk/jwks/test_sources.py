"""Keys come from the first source that is configured. A PEM loads in all usual spellings."""

from __future__ import annotations

import pytest

from clerk_sync.clerk.errors import KeysUnavailableError, TokenError
from clerk_sync.clerk.jwks.keys import KeySource, key_source_from
from clerk_sync.clerk.jwks.pem import normalise_public_key
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.api.scripted_api import DROPPED, ScriptedApi, answer
from tests.clerk.tokens.token_factory import FOREIGN, OURS, POLICY, Clock

SECRET_KEY = "sk_test_secretsecretsecretsecret"
ONE_LINE = OURS.pem.replace("\n", " ").strip()
BARE = "".join(OURS.pem.split("\n")[1:-2])


def source(
    server: ScriptedApi, *, jwt_key: str | None = None, secret_key: str | None = None, frontend: bool = False
) -> KeySource:
    return key_source_from(
        jwt_key=jwt_key,
        api_url=server.url,
        secret_key=secret_key,
        key_set_url=f"{server.url}/.well-known/jwks.json" if frontend else None,
    )


def proves(keys: KeySource, token: str) -> bool:
    try:
        TokenVerifier(keys, POLICY, clock=Clock()).verify(token)
    except TokenError:
        return False
    return True


@pytest.mark.parametrize(
    "pasted",
    [
        OURS.pem,
        OURS.pem.replace("\n", "\r\n"),
        OURS.pem.replace("\n", "\\n"),
        OURS.pem.replace("\n", "\n    "),
        f'"{OURS.pem}"',
        f"'{OURS.pem.strip()}'",
        ONE_LINE,
        BARE,
    ],
    ids=["lines", "crlf", "escaped", "indented", "quoted", "single quotes", "one line", "bare"],
)
def test_pem_loads_in_all_usual_spellings(server: ScriptedApi, pasted: str) -> None:
    assert proves(source(server, jwt_key=normalise_public_key(pasted)), OURS.mint())


def test_pem_never_touches_the_network(server: ScriptedApi) -> None:
    """T18. Neither for a bad signature nor for an unknown key id, even if a secret key is set as well."""
    server.will_answer(answer({"keys": [FOREIGN.jwk]}))
    keys = source(server, jwt_key=OURS.pem, secret_key=SECRET_KEY, frontend=True)
    assert proves(keys, OURS.mint(header={"kid": "ins_2unknown"}))
    assert not proves(keys, FOREIGN.mint())
    assert server.asked == []


def test_secret_key_comes_before_the_frontend_api(server: ScriptedApi) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}))
    assert proves(source(server, secret_key=SECRET_KEY, frontend=True), OURS.mint())
    assert [asked.path for asked in server.asked] == ["/v1/jwks"]
    assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET_KEY}"


def test_frontend_api_needs_no_secret(server: ScriptedApi) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}))
    assert proves(source(server, frontend=True), OURS.mint())
    assert [asked.path for asked in server.asked] == ["/.well-known/jwks.json"]
    assert "Authorization" not in server.asked[0].headers


def test_without_a_source_keys_are_unavailable(server: ScriptedApi) -> None:
    tokens = TokenVerifier(source(server), POLICY, clock=Clock())
    with pytest.raises(KeysUnavailableError):
        tokens.verify(OURS.mint())
    with pytest.raises(KeysUnavailableError):
        tokens.require_configured()


def test_configured_source_that_is_down_is_configured(server: ScriptedApi) -> None:
    server.will_answer(DROPPED)
    TokenVerifier(source(server, secret_key=SECRET_KEY), POLICY, clock=Clock()).require_configured()
    assert server.asked == []


def test_two_sources_share_no_keys(server: ScriptedApi) -> None:
    """The keys of one instance must not verify the tokens of another, even under the same key id."""
    server.will_answer(answer({"keys": [OURS.jwk]}))
    assert proves(source(server, secret_key=SECRET_KEY), OURS.mint())
    server.will_answer(answer({"keys": [FOREIGN.jwk | {"kid": OURS.kid}]}))
    assert not proves(source(server, secret_key=f"{SECRET_KEY}2"), OURS.mint())
