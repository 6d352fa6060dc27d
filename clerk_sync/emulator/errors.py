"""ClerkApiError: an error response, with the fields of Clerk's error body."""

from __future__ import annotations

from typing import Any


class ClerkApiError(Exception):
    """A request that gets an error response; ``body`` is Clerk's ``ClerkErrors`` object."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        long_message: str | None = None,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {long_message or message}")
        self.status = status
        self.code = code
        self.message = message
        self.long_message = long_message or message
        self.param = param
        self.retry_after_s = retry_after_s

    def body(self, trace_id: str) -> dict[str, Any]:
        """Return the error body in Clerk's format."""
        meta = {"param_name": self.param} if self.param else {}
        error = {"message": self.message, "long_message": self.long_message, "code": self.code, "meta": meta}
        return {"errors": [error], "clerk_trace_id": trace_id}


def invalid_value(param: str, expected: str) -> ClerkApiError:
    """Return the 422 for a parameter with an invalid value."""
    return ClerkApiError(
        422, "form_param_value_invalid", "is invalid", f"The value of {param} is invalid: {expected}.", param=param
    )


def user_not_found(user_id: str) -> ClerkApiError:
    """Return the 404 for a user that is unknown or deleted."""
    return ClerkApiError(404, "resource_not_found", "not found", f"No user was found with id {user_id}.")


def session_not_found(session_id: str) -> ClerkApiError:
    """Return the 404 for a session that is unknown or no longer active."""
    return ClerkApiError(404, "resource_not_found", "not found", f"No active session was found with id {session_id}.")
