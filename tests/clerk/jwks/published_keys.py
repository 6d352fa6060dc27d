"""A verifier whose keys come from a server on loopback, and helpers around the two."""

from __future__ import annotations

from functools import partial

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.fetch import fetch_key_set
from clerk_sync.clerk.jwks.keys import JwksCache
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.api.scripted_api import ScriptedApi, answer
from tests.clerk.tokens.token_factory import FOREIGN, POLICY, Clock, Instance

SECRET_KEY = "sk_test_secretsecretsecretsecret"


def make_verifier(server: ScriptedApi, clock: Clock) -> TokenVerifier:
    """Return a verifier that has fetched no key yet."""
    keys = JwksCache(partial(fetch_key_set, f"{server.url}/v1/jwks", SECRET_KEY), clock=clock)
    return TokenVerifier(keys, POLICY, clock=clock)


def publish(server: ScriptedApi, *instances: Instance) -> None:
    """Publish the keys of ``instances`` from now on."""
    server.will_answer(answer({"keys": [instance.jwk for instance in instances]}))


def outcome(tokens: TokenVerifier, token: str) -> str:
    """Return "verified", or the reason of the rejection."""
    try:
        tokens.verify(token)
    except TokenError as error:
        return error.reason
    return "verified"


def unknown(number: int) -> str:
    """Return a token under an unknown key id."""
    return FOREIGN.mint(header={"kid": f"ins_{number}"})
