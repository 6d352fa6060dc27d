"""One worker process of a server under a storm of forged tokens."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.sources import key_source_from
from clerk_sync.clerk.tokens.verifier import TokenPolicy, TokenVerifier

SECRET_KEY = "sk_test_secretsecretsecretsecret"

_together: list[Barrier] = []


def start(together: Barrier) -> None:
    """Remember where the workers wait for each other."""
    _together.append(together)


def work(api_url: str, tokens: list[str]) -> list[str]:
    """Verify ``tokens`` as soon as every worker is ready, and return what became of each."""
    keys = key_source_from(jwt_key=None, api_url=api_url, secret_key=SECRET_KEY, key_set_url=None)
    verifier = TokenVerifier(keys, TokenPolicy(issuer=None, authorized_parties=frozenset()))
    _together[0].wait(30)
    return [_outcome(verifier, token) for token in tokens]


def _outcome(verifier: TokenVerifier, token: str) -> str:
    try:
        return verifier.verify(token).user_id
    except TokenError as error:
        return error.reason
