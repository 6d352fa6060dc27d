"""One worker process of a server under a storm of forged tokens."""

from __future__ import annotations

import time
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.keys import key_source_from
from clerk_sync.clerk.tokens import TokenPolicy, TokenVerifier

SECRET_KEY = "sk_test_secretsecretsecretsecret"


def work(api_url: str, tokens: list[str], start: Barrier, outcomes: SimpleQueue[list[str]]) -> None:
    """Verify ``tokens`` as soon as every worker is ready, and tell what became of each."""
    keys = key_source_from(jwt_key=None, api_url=api_url, secret_key=SECRET_KEY, key_set_url=None)
    policy = TokenPolicy(issuer=None, authorized_parties=frozenset())
    verifier = TokenVerifier(keys, policy, clock=lambda: time.time())
    start.wait()
    outcomes.put([_outcome(verifier, token) for token in tokens])


def _outcome(verifier: TokenVerifier, token: str) -> str:
    try:
        return verifier.verify(token).user_id
    except TokenError as error:
        return error.reason
