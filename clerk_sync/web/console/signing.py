"""Signatures of the console, and the form tokens made with them.

A signature proves that this deployment wrote a text, for one session and one purpose. Its key is derived from all
configured secrets, so it needs no setting and is the same in all workers.

Form tokens are the second protection against forged forms. The first is the ``Origin`` check of ``auth``.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import unquote

from flask import request

from clerk_sync.services import services
from clerk_sync.settings.settings import Settings
from clerk_sync.web import auth
from clerk_sync.web.problems import Problem

FIELD = "form_token"
_PURPOSE = "form"


def sign(purpose: str, text: str) -> str:
    """Return the signature of ``text`` for ``purpose`` in the current session. Works in guarded views only."""
    message = "\0".join((purpose, auth.claims().session_id, text))
    return hmac.new(_key(services().settings), message.encode(), hashlib.sha256).hexdigest()


def is_signed(purpose: str, text: str, signature: str) -> bool:
    """Return whether ``signature`` is that of ``text``. The comparison takes constant time."""
    return hmac.compare_digest(sign(purpose, text).encode(), signature.encode())


def token_for(action: str) -> str:
    """Return the token for a form that posts to the URL ``action``."""
    return sign(_PURPOSE, unquote(action))


def require_token() -> None:
    """Raise 403 if the request could change something and has no token for its path."""
    if request.method in auth.SAFE_METHODS:
        return
    if not is_signed(_PURPOSE, request.root_path + request.path, request.form.get(FIELD, "")):
        raise Problem(
            403, "form-token-invalid", "This form does not belong to your session. Open the page again and resend it."
        )


def _key(settings: Settings) -> bytes:
    secrets = (settings.secret_key, settings.database_url, settings.metrics_token, *settings.webhook_signing_secrets)
    return hashlib.sha256("\0".join(("clerk_sync console", *(each or "" for each in secrets))).encode()).digest()
