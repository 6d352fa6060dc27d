"""Session tokens through the service's verifier alone, on one core."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.credentials import ISSUER, Credentials
from bench.stage import ORIGIN
from clerk_sync.clerk.jwks.keys import PemKey
from clerk_sync.clerk.tokens.verifier import TokenPolicy, TokenVerifier

REMEMBERED = 1000  # tokens
ROUNDS = 100


@dataclass(frozen=True)
class Verification:
    """Tokens verified in a second of CPU time: on first use, and from the cache."""

    first_per_s: float
    remembered_per_s: float


def measure_verification(credentials: Credentials, tokens: Sequence[str]) -> Verification:
    """Verify ``tokens``, which all differ, and then verify some of them repeatedly.

    It measures CPU time, because verification never waits, and other programs on the machine affect CPU time least.
    """
    policy = TokenPolicy(issuer=ISSUER, authorized_parties=frozenset({ORIGIN}))
    verifier = TokenVerifier(PemKey(credentials.public_pem), policy)
    return Verification(_per_s(verifier, tokens), _per_s(verifier, tokens[-REMEMBERED:], ROUNDS))


def _per_s(verifier: TokenVerifier, tokens: Sequence[str], rounds: int = 1) -> float:
    started_s = time.process_time()
    for _ in range(rounds):
        for token in tokens:
            verifier.verify(token)
    return len(tokens) * rounds / (time.process_time() - started_s)
