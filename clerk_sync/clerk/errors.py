"""Everything that can be wrong with what Clerk, or somebody in its name, sends.

ClerkError
├── SignatureError      a delivery proves nothing: the sender's fault
├── NotJsonError        a signed body, or the API's, that is not JSON: the sender's fault
├── UnmappableError     a signed statement that cannot become a user of ours
├── TokenError          a session token is refused; carries Clerk's reason word
├── KeysUnavailable     no key can be had now: neither the sender's fault nor the token's
└── ApiError            the Backend API
    ├── ApiRefused      it answered no (400, 401, 403, 422): asking again changes nothing
    │   └── CursorRefused   … to the cursor: the walk can go on by offset
    ├── ApiUnavailable  it did not answer within the budget
    └── ApiNonsense     it answered something that its documentation rules out
"""


class ClerkError(Exception):
    """The root of this room's errors."""


class SignatureError(ClerkError):
    """A delivery without a valid signature."""


class NotJsonError(ClerkError):
    """A body that is not JSON."""


class UnusableUserError(ClerkError):
    """A signed statement that cannot be mapped; the text names the field, never its value."""


class TokenError(ClerkError):
    """A session token that is refused.

    ``reason`` is a word of Clerk's own vocabulary (@clerk/backend, tokens/authStatus.ts and errors.ts).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailableError(ClerkError):
    """No key to verify with can be had now; worth another try after ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ApiError(ClerkError):
    """The Backend API did not give what was asked for."""


class ApiRefusedError(ApiError):
    """The Backend API answered no; asking again would change nothing."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"Clerk answered {status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class CursorRefusedError(ApiRefusedError):
    """The Backend API does not take the cursor: an older stack, or a user who is no more."""


class ApiUnavailableError(ApiError):
    """The Backend API gave no usable answer within the retry budget."""


class ApiProtocolError(ApiError):
    """The Backend API answered what its documentation rules out: a page that repeats, a walk that stands still."""
