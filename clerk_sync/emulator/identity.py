"""Who this Clerk is: its instance id, host, keys and signing secret, the same at every start.

They are derived from one small number and protect nothing: a ``.env`` can be written once, and two local instances
(``number=1`` and ``number=2``) are as foreign to each other as development and production are.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from clerk_sync.emulator.ids import Ids


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
        """What ``iss`` of its session tokens says."""
        return f"https://{self.host}"

    @property
    def cookie_suffix(self) -> str:
        """What clerk-js appends to cookie names: base64url of the publishable key's SHA-1, eight characters of it."""
        digest = hashlib.sha1(self.publishable_key.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode()[:8]


def local_identity(number: int = 1) -> Identity:
    """Return the identity of local instance ``number``."""
    if not 1 <= number <= 99:
        raise ValueError(f"an instance number from 1 to 99, not {number}: Clerk's host names end in one or two digits")
    host = f"local-clerk-{number}.clerk.accounts.dev"
    encoded_host = base64.b64encode(f"{host}$".encode()).decode().rstrip("=")
    return Identity(
        host=host,
        instance_id=Ids(seed=number).new("ins", 1_700_000_000_000),
        secret_key=f"sk_test_localclerk{number}notasecret",
        publishable_key=f"pk_test_{encoded_host}",
        webhook_secret="whsec_" + base64.b64encode(f"local-clerk-{number}-not-secret".encode()).decode(),
    )
