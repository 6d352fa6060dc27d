"""Verify signed webhook deliveries: from bytes and headers to a VerifiedDelivery, or a SignatureError.

The algorithm is that of Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``. Only the HMAC is the library's. Its
``verify`` requires UTF-8, raises ValueError for malformed headers, and stops at a malformed entry before a valid one.
The package ``svix`` calls the same library, and loads 17 MiB of API client first.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from standardwebhooks.webhooks import hmac_data

from clerk_sync.clerk.errors import SignatureError

TOLERANCE_S = 300

_ID = re.compile(r"[!-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    """Proof that Clerk sent ``body`` under this delivery id."""

    id: str
    attempted_at: int
    body: bytes = field(repr=False)


class Headers(Protocol):
    """Request headers by name. The framework ignores the case of letters."""

    def get(self, name: str, default: str, /) -> str: ...


class WebhookVerifier:
    """Verifies deliveries with one signing secret, or several during a rotation."""

    def __init__(self, secrets: Iterable[str], *, clock: Callable[[], float] = time.time) -> None:
        self._keys = [base64.b64decode(f"{secret.removeprefix('whsec_')}==") for secret in secrets]
        self._clock = clock

    def verify(self, headers: Headers, body: bytes) -> VerifiedDelivery:
        """Return the proof for ``body``; raise SignatureError if headers, time or signature are wrong.

        A ``webhook-*`` header replaces an absent ``svix-*`` one.
        """
        message_id = _header(headers, "id")
        timestamp = _header(headers, "timestamp")
        signatures = _header(headers, "signature")
        if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("malformed id or timestamp")
        attempted_at = int(timestamp)
        # Whole seconds, as in Clerk's own verifier: 300 passes, 301 fails.
        if abs(int(self._clock()) - attempted_at) > TOLERANCE_S:
            raise SignatureError("timestamp outside the tolerance")
        if not self._is_signed(f"{message_id}.{attempted_at}.".encode() + body, signatures):
            raise SignatureError("no matching signature")
        return VerifiedDelivery(message_id, attempted_at, body)

    def _is_signed(self, signed: bytes, signatures: str) -> bool:
        entries = [entry.encode() for entry in signatures.split() if entry.startswith("v1,")]
        expected = [b"v1," + base64.b64encode(hmac_data(key, signed)) for key in self._keys]
        return any(hmac.compare_digest(entry, own) for entry in entries for own in expected)


def _header(headers: Headers, name: str) -> str:
    for family in ("svix", "webhook"):
        value = headers.get(f"{family}-{name}", "").strip()
        if value:
            return value
    raise SignatureError(f"svix-{name} is missing")
