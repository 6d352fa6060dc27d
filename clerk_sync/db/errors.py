"""What keeps the database from serving us. Only this module knows SQLSTATEs.

A fault is about the database as a whole, so the answer is 503 and another try is welcome. An error that is no fault is
about one statement: that is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import psycopg2


class Fault(StrEnum):
    """What is wrong with the database. The values are labels of a metric and words of the log."""

    UNREACHABLE = "unreachable"
    NOT_UTF8 = "not-utf8"
    READ_ONLY = "read-only"
    MISSING_PRIVILEGES = "missing-privileges"
    NOT_MIGRATED = "not-migrated"
    OUT_OF_RESOURCES = "out-of-resources"  # disk, memory, connections
    BUSY = "busy"  # a lock or a time limit
    BROKEN = "broken"  # an error of PostgreSQL's own, such as a damaged file


# By SQLSTATE, or by its class, which is the first two characters.
_FAULTS: Mapping[str, Fault] = {
    "08": Fault.UNREACHABLE,
    "25P03": Fault.UNREACHABLE,  # idle_in_transaction_session_timeout ended the session
    "25P04": Fault.UNREACHABLE,  # transaction_timeout ended the session
    "28": Fault.UNREACHABLE,
    "3D000": Fault.UNREACHABLE,  # from a pooler, which takes the connection before it knows the database
    "57": Fault.UNREACHABLE,  # shutdown, start, pg_terminate_backend
    "22021": Fault.NOT_UTF8,
    "22P05": Fault.NOT_UTF8,
    "25006": Fault.READ_ONLY,
    "42501": Fault.MISSING_PRIVILEGES,
    "3F000": Fault.MISSING_PRIVILEGES,  # no schema is left to create in, because none of the search path may be used
    "42P01": Fault.NOT_MIGRATED,  # undefined_table
    "42703": Fault.NOT_MIGRATED,  # undefined_column
    "42883": Fault.NOT_MIGRATED,  # undefined_function
    "42704": Fault.NOT_MIGRATED,  # undefined_object, such as a type
    "53": Fault.OUT_OF_RESOURCES,
    "54": Fault.OUT_OF_RESOURCES,
    "40": Fault.BUSY,  # deadlock, serialization failure
    "55": Fault.BUSY,  # lock_not_available
    "57014": Fault.BUSY,  # query_canceled, by statement_timeout
    "58": Fault.BROKEN,
    "XX": Fault.BROKEN,
}

# A refused connection has no SQLSTATE in psycopg2, only PostgreSQL's text, or libpq's. In another language than English
# these are not found, and the database counts as unreachable.
_REFUSALS = (
    ("session is read-only", Fault.READ_ONLY),  # the URL has target_session_attrs
    ("server is in hot standby mode", Fault.READ_ONLY),
    ("conversion between", Fault.NOT_UTF8),
    ("permission denied for database", Fault.MISSING_PRIVILEGES),
    ("too many", Fault.OUT_OF_RESOURCES),
    ("remaining connection slots", Fault.OUT_OF_RESOURCES),
)

# The role guard's triggers raise insufficient_privilege with this text: then a statement of ours tries to set a role,
# and no GRANT mends that.
_ROLE_GUARD = "the application may not "


class NotUtf8Error(psycopg2.OperationalError):
    """The database stores text in another encoding than UTF-8: names that users really have do not fit in."""

    def __init__(self, encoding: str | None) -> None:
        super().__init__(f"the database's encoding is {encoding or 'unknown'}, not UTF8")
        self.encoding = encoding or "unknown"


def find_fault(error: BaseException) -> Fault | None:
    """Return the fault of the database that ``error`` tells of, or None where it tells of none.

    Takes errors of psycopg2, and of SQLAlchemy around them.
    """
    original = getattr(error, "orig", None) or error
    if not isinstance(original, psycopg2.Error):
        return None
    if isinstance(original, NotUtf8Error):
        return Fault.NOT_UTF8
    code = original.pgcode
    if code == "42501" and (original.diag.message_primary or "").startswith(_ROLE_GUARD):
        return None
    fault = (_FAULTS.get(code) or _FAULTS.get(code[:2])) if code else None
    if fault is None and (getattr(error, "connection_invalidated", False) or _is_about_a_connection(original)):
        said = str(original)
        return next((refusal for sign, refusal in _REFUSALS if sign in said), Fault.UNREACHABLE)
    return fault


def has_broken_off(error: psycopg2.Error) -> bool:
    """Return whether the connection broke off between two results: it still counts as open then."""
    # The driver raises its base class, without a code.
    return type(error) is psycopg2.DatabaseError and error.pgcode is None


def has_lost_connection(error: psycopg2.Error, connection: Any) -> bool:
    """Return whether ``error`` says that ``connection`` is gone, and not that the statement was wrong."""
    return has_broken_off(error) or bool(getattr(connection, "closed", 1))


def _is_about_a_connection(error: psycopg2.Error) -> bool:
    return has_broken_off(error) or isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
