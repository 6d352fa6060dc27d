"""The reasons to refuse a session token, in Clerk's own words (@clerk/backend: errors.ts, tokens/authStatus.ts)."""

from __future__ import annotations

from enum import StrEnum


class TokenRejection(StrEnum):
    """One word for each kind of rejection; VERIFICATION_FAILED if Clerk has no word for the rule."""

    MISSING = "session-token-missing"
    MALFORMED = "token-invalid"
    WRONG_KIND = "token-type-mismatch"
    WRONG_ALGORITHM = "token-invalid-algorithm"
    UNKNOWN_KEY = "jwk-kid-mismatch"
    WRONG_SIGNATURE = "token-invalid-signature"
    WRONG_PARTY = "token-invalid-authorized-parties"
    EXPIRED = "session-token-expired"
    NOT_YET_VALID = "session-token-nbf"
    ISSUED_IN_THE_FUTURE = "session-token-iat-in-the-future"
    VERIFICATION_FAILED = "token-verification-failed"
