"""Clerk's User object, and what the mirror keeps of it. The rules are in docs/mapping.md.

``UserSnapshot`` is the one list of mirrored columns. To mirror one more field:

1. Add a line to ``UserSnapshot``: name, type, where the value is read from, whether it is personal.
2. Add a migration to ``mirror/migrations``: the column, and the new text of ``take_event``.
3. Add a line to the table in docs/mapping.md.

The merge, the comparison, tombstones, placeholders, the table and the tests follow from the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, get_args

from msgspec import NODEFAULT, Meta, Raw, Struct, ValidationError, defstruct
from msgspec.json import encode
from msgspec.structs import FieldInfo, fields

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import UnusableUserError

LONGEST_EMAIL = 320  # 64 before the @, 255 after it (RFC 5321); the index on lower(email) has to hold it

_USER_ID = re.compile(r"user_[A-Za-z0-9_-]{1,64}")
UserId = Annotated[str, Meta(pattern=rf"\A{_USER_ID.pattern}\Z")]
LAST_MS = 2**53  # up to here numbers are exact in every language that Clerk's numbers pass through
Milliseconds = Annotated[int, Meta(ge=0, le=LAST_MS)]


class Verification(Struct, gc=False):
    """The state of an address's verification."""

    status: str | None = None


class EmailAddress(Struct, gc=False):
    """One of a user's addresses."""

    id: str | None = None
    email_address: str | None = None
    verification: Verification | None = None


class ClerkUser(Struct, gc=False):
    """Clerk's User object, as far as the functions below read it.

    Only two members are required: old and replayed payloads lack some that Clerk's schema requires.
    """

    id: UserId
    updated_at: Milliseconds
    created_at: Any = None
    primary_email_address_id: str | None = None
    email_addresses: list[EmailAddress] | None = None
    banned: bool | None = None
    deprovisioned: bool | None = None


def _find_primary_email(user: ClerkUser) -> EmailAddress | None:
    """Return the address with the primary id, as Clerk does; never the first one instead."""
    primary = user.primary_email_address_id
    if primary is None:
        return None
    for address in user.email_addresses or ():
        if address.id == primary and address.email_address is not None:
            return address
    return None


def _read_email(user: ClerkUser) -> str | None:
    address = _find_primary_email(user)
    email = _without_nul(address.email_address) if address else None
    if email is not None and len(email) > LONGEST_EMAIL:
        raise UnusableUserError(f"the primary email_address has more than {LONGEST_EMAIL} characters")
    return email


def _read_email_verified(user: ClerkUser) -> bool:
    address = _find_primary_email(user)
    return address is not None and address.verification is not None and address.verification.status == "verified"


def _read_banned(user: ClerkUser) -> bool:
    return bool(user.banned or user.deprovisioned)


def _read_created_at(user: ClerkUser) -> int:
    """Return the creation time, or 0 if it is not a time since 1970: a wrong time must not block a ban."""
    value = user.created_at
    return value if type(value) is int and 0 <= value <= LAST_MS else 0


def _without_nul(text: str | None) -> str | None:
    """Return ``text`` without NUL, which PostgreSQL's text cannot hold."""
    return text and text.replace("\0", "")


class Source(NamedTuple):
    """Where a column is read from: a member of the User object, or a function of the object.

    A deletion clears personal columns.
    """

    read: str | Callable[[ClerkUser], object]
    is_personal: bool = False


# gc=False here and above: none of these objects can form a cycle, and a page holds 500 users.
class UserSnapshot(Struct, frozen=True, gc=False):
    """What the mirror keeps of one user at one ``clerk_updated_at``. Times are Clerk's milliseconds.

    The defaults describe a user if only the id is known.
    """

    clerk_id: Annotated[str, Source("id")]
    email: Annotated[str | None, Source(_read_email, is_personal=True)] = None
    email_verified: Annotated[bool, Source(_read_email_verified, is_personal=True)] = False
    first_name: Annotated[str | None, Source("first_name", is_personal=True)] = None
    last_name: Annotated[str | None, Source("last_name", is_personal=True)] = None
    username: Annotated[str | None, Source("username", is_personal=True)] = None
    image_url: Annotated[str | None, Source("image_url", is_personal=True)] = None
    banned: Annotated[bool, Source(_read_banned)] = False
    clerk_created_at: Annotated[int, Source(_read_created_at)] = 0
    clerk_updated_at: Annotated[int, Source("updated_at")] = 0


class MirroredColumn(NamedTuple):
    """One column of ``users`` that comes from Clerk: its SQL type, and its SQL value in a placeholder or tombstone."""

    name: str
    sql_type: str
    default: str | None
    source: Source


_SQL_TYPES = {str: "text", str | None: "text", bool: "boolean", int: "bigint"}


def _describe(field: FieldInfo) -> MirroredColumn:
    python_type, source = get_args(field.type)
    # null, false and 0 are written alike in JSON and SQL.
    default = None if field.default is NODEFAULT else encode(field.default).decode()
    return MirroredColumn(field.name, _SQL_TYPES[python_type], default, source)


COLUMNS = tuple(map(_describe, fields(UserSnapshot)))
CONTENT_FIELDS = tuple(column.name for column in COLUMNS if column.name not in ("clerk_id", "clerk_updated_at"))
"""The fields in which two snapshots of one version may differ."""

_TEXTS = {column.source.read for column in COLUMNS if isinstance(column.source.read, str)} - {"id", "updated_at"}
"""Members of the User object that are stored unchanged in a column of text."""

# ClerkUser with one more field for each of these members.
ClerkUser = defstruct(  # type: ignore[misc, assignment]  # mypy keeps the class above
    "ClerkUser", [(name, str | None, None) for name in _TEXTS], bases=(ClerkUser,), gc=False
)


def _reader(read: str | Callable[[ClerkUser], object]) -> Callable[[ClerkUser], object]:
    if not isinstance(read, str):
        return read
    member = attrgetter(read)

    def read_text(user: ClerkUser) -> str | None:
        text: str | None = member(user)
        return text.replace("\0", "") if text else text

    return read_text if read in _TEXTS else member


_READERS = tuple(_reader(column.source.read) for column in COLUMNS)
user_decoder = JsonDecoder(ClerkUser)


def snapshot_of(user: ClerkUser) -> UserSnapshot:
    """Return what the mirror keeps of ``user``; raise UnusableUserError that names the field, never its value."""
    return UserSnapshot(*[read(user) for read in _READERS])  # type: ignore[arg-type]  # a test holds the types


def parse_user(raw: bytes | Raw) -> UserSnapshot:
    """Return the snapshot of one User object.

    Raises UnusableUserError for other JSON, NotJsonError if ``raw`` is not JSON.
    """
    try:
        return snapshot_of(user_decoder.decode(raw))
    except ValidationError as error:
        raise UnusableUserError(str(error)) from None


def parse_user_id(value: object) -> str:
    """Return ``value`` as the id of a Clerk user; raise UnusableUserError if it cannot be one."""
    if not isinstance(value, str) or not _USER_ID.fullmatch(value):
        raise UnusableUserError("id is not the id of a user, user_…")
    return value
