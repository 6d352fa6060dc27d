"""The errors of this package.

ClerkError
├── SignatureError          a webhook delivery has no valid signature: the sender's fault
├── NotJsonError            a body is not JSON: the sender's fault
├── UnusableUserError       a signed event or a response describes no user that can be mapped
├── TokenError              a session token is refused; carries Clerk's reason word
├── KeysUnavailableError    no key to verify tokens is available now
├── RetryableError          one attempt failed, and another may succeed
└── ApiError                the Backend API did not give what was requested
    ├── ApiRefusedError         it refused (400, 401, 403, 404, 422): a retry changes nothing
    │   └── CursorRefusedError      it refused the cursor: list by offset instead
    ├── ApiUnavailableError     it gave no usable response within the retry budget, or it cannot be requested at all
    └── ApiProtocolError        its response contradicts its documentation
"""

from __future__ import annotations


class ClerkError(Exception):
    """The root of this package's errors."""


class SignatureError(ClerkError):
    """A webhook delivery without a valid signature."""


class NotJsonError(ClerkError):
    """A body that is not JSON."""


class UnusableUserError(ClerkError):
    """User data that cannot be mapped; the text names the field, never its value."""


class TokenError(ClerkError):
    """A session token is refused.

    ``reason`` is a word of Clerk's own vocabulary (@clerk/backend, tokens/authStatus.ts and errors.ts).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailableError(ClerkError):
    """No key to verify tokens is available now; try again after ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RetryableError(ClerkError):
    """One attempt brought no usable response, and another may succeed.

    ``wait_s`` is the server's Retry-After, if it sent one. ``stops_all_requests`` says that it applies to all threads.
    """

    def __init__(self, reason: str, *, wait_s: float | None = None, stops_all_requests: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.stops_all_requests = stops_all_requests


class ApiError(ClerkError):
    """The Backend API did not give what was requested."""


class ApiRefusedError(ApiError):
    """The Backend API refused the request; a retry would change nothing."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"Clerk answered {status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class CursorRefusedError(ApiRefusedError):
    """The Backend API refused the cursor: it does not support cursors, or the user was deleted."""


class ApiUnavailableError(ApiError):
    """The Backend API gave no usable response within the retry budget."""


class ApiProtocolError(ApiError):
    """The response contradicts the Backend API's documentation: for example, a page that repeats."""
