"""Clerk's User object, and what a mirror keeps of it. The rules are in docs/mapping.md."""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, ValidationError

from clerk_sync.clerk.decoding import Body, JsonDecoder
from clerk_sync.clerk.errors import UnusableUserError

LONGEST_EMAIL = 320  # 64 before the @, 255 behind it (RFC 5321); the index on lower(email) has to hold it

_USER_ID = re.compile(r"user_[A-Za-z0-9_-]{1,64}")
UserId = Annotated[str, Meta(pattern=rf"\A{_USER_ID.pattern}\Z")]
LAST_MS = 2**53  # up to here numbers are exact in every language that Clerk's numbers pass through
Milliseconds = Annotated[int, Meta(ge=0, le=LAST_MS)]


# gc=False here and below: nothing of this can form a cycle, and the collector need not walk 500 users a page.
class UserSnapshot(Struct, frozen=True, gc=False):
    """What a mirror keeps of one user at one ``clerk_updated_at``. Times are Clerk's milliseconds."""

    clerk_id: str
    email: str | None
    email_verified: bool
    first_name: str | None
    last_name: str | None
    username: str | None
    image_url: str | None
    banned: bool
    clerk_created_at: int
    clerk_updated_at: int


CONTENT_FIELDS = tuple(name for name in UserSnapshot.__struct_fields__ if name not in ("clerk_id", "clerk_updated_at"))
"""The fields in which two snapshots of one version may differ."""


class Verification(Struct, gc=False):
    """How far the proof of an address has come."""

    status: str | None = None


class EmailAddress(Struct, gc=False):
    """One of a user's addresses."""

    id: str | None = None
    email_address: str | None = None
    verification: Verification | None = None


class ClerkUser(Struct, gc=False):
    """The part of Clerk's User object that is read. Old and replayed payloads lack fields that the schema requires."""

    id: UserId
    updated_at: Milliseconds
    created_at: Any = None
    primary_email_address_id: str | None = None
    email_addresses: list[EmailAddress] | None = None
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    image_url: str | None = None
    banned: bool | None = None
    deprovisioned: bool | None = None


_user = JsonDecoder(ClerkUser)


def parse_user(raw: Body | Raw) -> UserSnapshot:
    """Return the snapshot of one User object; raise UnmappableError for other JSON, NotJsonError for what is none."""
    try:
        return snapshot_of(_user.decode(raw))
    except ValidationError as error:
        raise UnusableUserError(str(error)) from None


def parse_user_id(value: object) -> str:
    """Return ``value`` as the id of a Clerk user; raise UnmappableError where it cannot be one."""
    if not isinstance(value, str) or not _USER_ID.fullmatch(value):
        raise UnusableUserError("id is not the id of a user, user_…")
    return value


def snapshot_of(user: ClerkUser) -> UserSnapshot:
    """Return what a mirror keeps of ``user``; raise UnmappableError naming the field, never its value."""
    email, verified = _primary_email(user)
    if email is not None and len(email) > LONGEST_EMAIL:
        raise UnusableUserError(f"the primary email_address has more than {LONGEST_EMAIL} characters")
    return UserSnapshot(
        user.id,
        email,
        verified,
        _without_nul(user.first_name),
        _without_nul(user.last_name),
        _without_nul(user.username),
        _without_nul(user.image_url),
        bool(user.banned or user.deprovisioned),
        _creation_ms(user.created_at),
        user.updated_at,
    )


def _primary_email(user: ClerkUser) -> tuple[str | None, bool]:
    """Clerk's own rule: the address that the user names as primary, never simply the first."""
    primary = user.primary_email_address_id
    if primary is None:
        return None, False
    for address in user.email_addresses or ():
        if address.id == primary and address.email_address is not None:
            verification = address.verification
            return _without_nul(address.email_address), verification is not None and verification.status == "verified"
    return None, False


def _creation_ms(value: object) -> int:
    """Return ``value`` if it is a time since 1970, else 0: an odd creation time must not keep a ban from arriving."""
    return value if type(value) is int and 0 <= value <= LAST_MS else 0


def _without_nul(text: str | None) -> str | None:
    """PostgreSQL's text cannot hold NUL."""
    return text and text.replace("\0", "")
