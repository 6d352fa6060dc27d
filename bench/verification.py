"""Session tokens through the service's own verifier, with nothing around it, on one core."""

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
    """Tokens verified in a second of CPU time: seen for the first time, and remembered."""

    first_per_s: float
    remembered_per_s: float


def measure_verification(credentials: Credentials, tokens: Sequence[str]) -> Verification:
    """Verify ``tokens``, no two of which are alike, and then some of them again and again.

    In CPU time, because nothing here waits: whatever else runs on the machine then matters least.
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
