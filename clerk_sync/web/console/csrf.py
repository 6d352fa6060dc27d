"""Forms that only our own pages can send.

The guard of the API already wants a cookie's request to name an origin of ours. The token is the second lock: it is
good for one form, of one session.
"""

from __future__ import annotations

from flask import request

from clerk_sync.web.auth import SAFE_METHODS
from clerk_sync.web.console.signing import is_signed, sign
from clerk_sync.web.problems import Problem

FIELD = "form_token"
_PURPOSE = "form"


def token_for(action: str) -> str:
    """Return what a form that posts to the path ``action`` has to carry."""
    return sign(_PURPOSE, action)


def require_token() -> None:
    """Raise 403 where this request would do something and does not come from a form that was made for it."""
    if request.method in SAFE_METHODS:
        return
    if not is_signed(_PURPOSE, request.path, request.form.get(FIELD, "")):
        raise Problem(403, "form-token-invalid", "This form was not made for your session. Open the page once more.")
