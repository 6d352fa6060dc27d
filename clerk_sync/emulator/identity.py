"""The local Clerk's instance id, host, keys and signing secret, and the identifiers that it makes.

The identity derives from one small number and protects nothing, so a ``.env`` can be written once. Two instances
(``number=1`` and ``number=2``) share nothing, like a development and a production instance.
"""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass, field

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_LENGTH = 27
_EPOCH_S = 1_400_000_000  # KSUIDs count from May 2014, so that four bytes last until 2150


class Ids:
    """Makes identifiers in Clerk's form: a prefix and a KSUID. Equal seeds and equal times give equal ones.

    A KSUID is 27 base-62 characters that sort by the second of their creation.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - ids are no secrets

    def new(self, prefix: str, at_ms: int) -> str:
        """Return a fresh identifier such as ``user_2g7np7Hrk0SN6kj5EDMLDaKNL0S``."""
        seconds = min(max(at_ms // 1000 - _EPOCH_S, 0), 0xFFFFFFFF)
        return f"{prefix}_{_base62(seconds << 128 | self._random.getrandbits(128))}"


def _base62(number: int) -> str:
    # Two digits in each step, for speed: 100,000 users need 500,000 ids.
    pairs = []
    while number:
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs)).rjust(_LENGTH, "0")[-_LENGTH:]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The fixed values of one local instance."""

    host: str
    instance_id: str
    secret_key: str = field(repr=False)
    publishable_key: str
    webhook_secret: str = field(repr=False)

    @property
    def issuer(self) -> str:
        """The ``iss`` claim of its session tokens."""
        return f"https://{self.host}"

    @property
    def cookie_suffix(self) -> str:
        """The suffix that clerk-js adds to cookie names: 8 characters of the publishable key's SHA-1, as base64url."""
        digest = hashlib.sha1(self.publishable_key.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode()[:8]


def local_identity(number: int = 1) -> Identity:
    """Return the identity of local instance ``number``."""
    if not 1 <= number <= 99:
        raise ValueError(
            f"the instance number must be from 1 to 99, not {number}: Clerk's host names end in one or two digits"
        )
    host = f"local-clerk-{number}.clerk.accounts.dev"
    encoded_host = base64.b64encode(f"{host}$".encode()).decode().rstrip("=")
    return Identity(
        host=host,
        instance_id=Ids(seed=number).new("ins", 1_700_000_000_000),
        secret_key=f"sk_test_localclerk{number}notasecret",
        publishable_key=f"pk_test_{encoded_host}",
        webhook_secret="whsec_" + base64.b64encode(f"local-clerk-{number}-not-secret".encode()).decode(),
    )
