"""Signatures of the console: short proofs that this deployment wrote something, for one session and one purpose.

There is no setting for their key. Every secret that is configured goes into it, so that all workers have the same one,
and the session's id goes into each signature: it is nobody's but the browser's that holds the session.
"""

from __future__ import annotations

import hashlib
import hmac

from clerk_sync.extensions import services
from clerk_sync.settings.settings import Settings
from clerk_sync.web import auth


def sign(purpose: str, text: str) -> str:
    """Return the signature of ``text`` for ``purpose``, within the session of this request. Only behind the guard."""
    message = "\0".join((purpose, auth.claims().session_id, text))
    return hmac.new(_key(services().settings), message.encode(), hashlib.sha256).hexdigest()


def is_signed(purpose: str, text: str, signature: str) -> bool:
    """Return whether ``signature`` is that of ``text``; compares in constant time."""
    return hmac.compare_digest(sign(purpose, text).encode(), signature.encode())


def _key(settings: Settings) -> bytes:
    secrets = (settings.secret_key, settings.database_url, settings.metrics_token, *settings.webhook_signing_secrets)
    return hashlib.sha256("\0".join(("clerk_sync console", *(each or "" for each in secrets))).encode()).digest()
