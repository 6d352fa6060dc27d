"""Maps PostgreSQL's errors to faults of the database. Only this module knows SQLSTATEs.

A fault concerns the database as a whole: the response is 503, and the client may retry. An error without a fault
concerns one statement: it is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import psycopg2


class Fault(StrEnum):
    """A fault of the database. The values are labels of a metric and words of the log."""

    UNREACHABLE = "unreachable"
    NOT_UTF8 = "not-utf8"
    READ_ONLY = "read-only"
    MISSING_PRIVILEGES = "missing-privileges"
    NOT_MIGRATED = "not-migrated"
    OUT_OF_RESOURCES = "out-of-resources"  # disk, memory, connections
    BUSY = "busy"  # a lock or a time limit
    BROKEN = "broken"  # an internal error of PostgreSQL, such as a damaged file


# By SQLSTATE, or by its first two characters, which are its class.
_FAULTS: Mapping[str, Fault] = {
    "08": Fault.UNREACHABLE,
    "25P03": Fault.UNREACHABLE,  # idle_in_transaction_session_timeout ended the session
    "25P04": Fault.UNREACHABLE,  # transaction_timeout ended the session
    "28": Fault.UNREACHABLE,
    "3D000": Fault.UNREACHABLE,  # from a pooler, which accepts the connection before it knows the database
    "57": Fault.UNREACHABLE,  # shutdown, start, pg_terminate_backend
    "22021": Fault.NOT_UTF8,
    "22P05": Fault.NOT_UTF8,
    "25006": Fault.READ_ONLY,
    "42501": Fault.MISSING_PRIVILEGES,
    "3F000": Fault.MISSING_PRIVILEGES,  # the login has USAGE on no schema of the search path
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

# psycopg2 reports no SQLSTATE for a refused connection, only a text of PostgreSQL or libpq. If the text is not in
# English, nothing matches and the database counts as unreachable.
_REFUSALS = (
    ("session is read-only", Fault.READ_ONLY),  # the URL has target_session_attrs
    ("server is in hot standby mode", Fault.READ_ONLY),
    ("conversion between", Fault.NOT_UTF8),
    ("permission denied for database", Fault.MISSING_PRIVILEGES),
    ("too many", Fault.OUT_OF_RESOURCES),
    ("remaining connection slots", Fault.OUT_OF_RESOURCES),
)

# The role guard's triggers raise insufficient_privilege with this text. It means that one of our statements sets a
# role, and no GRANT can fix that.
_ROLE_GUARD = "the application may not "


class NotUtf8Error(psycopg2.OperationalError):
    """The database does not store text as UTF-8, so it cannot store the names of all users."""

    def __init__(self, encoding: str | None) -> None:
        super().__init__(f"the database's encoding is {encoding or 'unknown'}, not UTF8")
        self.encoding = encoding or "unknown"


def find_fault(error: BaseException) -> Fault | None:
    """Return the fault that ``error`` shows, or None. Errors of psycopg2 and SQLAlchemy's wrappers are accepted."""
    original = getattr(error, "orig", None) or error
    if not isinstance(original, psycopg2.Error):
        return None
    if isinstance(original, NotUtf8Error):
        return Fault.NOT_UTF8
    code = original.pgcode
    if code == "42501" and (original.diag.message_primary or "").startswith(_ROLE_GUARD):
        return None
    fault = (_FAULTS.get(code) or _FAULTS.get(code[:2])) if code else None
    if fault is None and (getattr(error, "connection_invalidated", False) or _is_connection_error(original)):
        said = str(original)
        return next((refusal for sign, refusal in _REFUSALS if sign in said), Fault.UNREACHABLE)
    return fault


def was_cut_off(error: psycopg2.Error) -> bool:
    """Return whether the connection was cut between two results. psycopg2 still reports it as open."""
    # psycopg2 then raises its base class without an SQLSTATE.
    return type(error) is psycopg2.DatabaseError and error.pgcode is None


def has_lost_connection(error: psycopg2.Error, connection: Any) -> bool:
    """Return whether ``connection`` is lost. Otherwise ``error`` concerns the statement."""
    return was_cut_off(error) or bool(getattr(connection, "closed", 1))


def _is_connection_error(error: psycopg2.Error) -> bool:
    return was_cut_off(error) or isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
