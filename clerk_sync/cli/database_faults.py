"""What is wrong with the database, in words for an operator.

A driver's own text is never shown: it names host, login and address, or quotes a statement, and statements quote users.
"""

from __future__ import annotations

import psycopg2

from clerk_sync.database import NOT_MIGRATED

# What the driver says, and what it means; the first that fits.
_FAULTS = (
    ("password authentication failed", "it refuses the login or the password"),
    ("no pg_hba.conf entry", "it lets nobody in from here, or only with TLS"),
    ("does not exist", "it answers, and has no such database or login"),
    ("could not translate host name", "its host name cannot be resolved"),
    ("connection refused", "the connection is refused: nobody listens there"),
    ("no such file or directory", "the connection is refused: nobody listens there"),
    ("timeout expired", "nobody answers at that address"),
    ("too many", "it has no connection left"),
    ("remaining connection slots", "it has no connection left"),
    ("starting up", "it is starting up"),
    ("shutting down", "it is shutting down"),
    ("ssl", "TLS cannot be agreed on: see sslmode"),
)


def is_not_migrated(error: psycopg2.Error) -> bool:
    """Return whether the database lacks something that a migration of this version makes."""
    return error.pgcode in NOT_MIGRATED


def fault_of(error: psycopg2.Error) -> str:
    """Return what came between us and the database."""
    said = str(error).lower()
    return next((fault for sign, fault in _FAULTS if sign in said), f"{type(error).__name__} at the connection")


def sentence_of(error: psycopg2.Error) -> str:
    """Return the fault and its mend, without a full stop."""
    if is_not_migrated(error):
        return "the database is not migrated for this version: run `flask db upgrade`"
    if error.pgcode:
        return f"the database says {error.pgcode} ({type(error).__name__})"
    return f"the database cannot be used: {fault_of(error)} (is it up, and is DATABASE_URL right?)"
