"""Signed deliveries: from bytes and headers to a proof, or an error.

The algorithm is that of Standard Webhooks (HMAC-SHA256 over ``id.timestamp.body``), computed by the library that Svix
wrote for it. Its own package ``svix`` does no more than call that one, and loads 17 MiB of API client first.
We read the headers ourselves, because the library raises ValueError over junk in them and stops at a junk entry in
front of a valid one.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from standardwebhooks import Webhook

from clerk_sync.clerk.errors import SignatureError

TOLERANCE_S = 300

_ID = re.compile(r"[!-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class SignedDelivery:
    """Proof that Clerk sent ``body`` under this delivery id."""

    id: str
    attempted_at: int
    body: bytes = field(repr=False)


class Headers(Protocol):
    """Request headers by name, in whatever case the framework looks them up."""

    def get(self, name: str, default: str, /) -> str: ...


class WebhookVerifier:
    """Proves deliveries with one or, while a secret is rotated, several signing secrets."""

    def __init__(self, secrets: Iterable[str], *, clock: Callable[[], float] = time.time) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._clock = clock

    def verify(self, headers: Headers, body: bytes) -> SignedDelivery:
        """Return the proof for ``body``; raise SignatureError where headers, time or signature are wrong.

        ``webhook-*`` headers stand in for absent ``svix-*`` ones, one by one.
        """
        message_id = _header(headers, "id")
        timestamp = _header(headers, "timestamp")
        signatures = _header(headers, "signature")
        if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("malformed id or timestamp")
        attempted_at = int(timestamp)
        # Whole seconds on both sides, as Clerk's own verifier counts them: 300 passes, 301 fails.
        if abs(int(self._clock()) - attempted_at) > TOLERANCE_S:
            raise SignatureError("timestamp outside the tolerance")
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise SignatureError("body is not UTF-8") from error
        if not self._is_signed(message_id, attempted_at, text, signatures):
            raise SignatureError("no matching signature")
        return SignedDelivery(message_id, attempted_at, body)

    def _is_signed(self, message_id: str, attempted_at: int, text: str, signatures: str) -> bool:
        at = datetime.fromtimestamp(attempted_at, UTC)
        entries = [entry.encode() for entry in signatures.split() if entry.startswith("v1,")]
        expected = [webhook.sign(message_id, at, text).encode() for webhook in self._webhooks]
        return any(hmac.compare_digest(entry, own) for entry in entries for own in expected)


def _header(headers: Headers, name: str) -> str:
    for family in ("svix", "webhook"):
        value = headers.get(f"{family}-{name}", "").strip()
        if value:
            return value
    raise SignatureError(f"svix-{name} is missing")
