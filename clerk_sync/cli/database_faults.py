"""Describes faults of the database to an operator.

The driver's own text is never shown: it contains host, login or statement, and a statement may contain personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg2

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.db.history import History, read_revisions
from clerk_sync.db.state import Obstacle, find_obstacles, find_obstacles_to_migrations, obstacle_of
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.services import services

T = TypeVar("T")

# Parts of the driver's text and their meaning. The first that matches is used.
_FAULTS = (
    ("password authentication failed", "it refuses the login or the password"),
    ("no password supplied", "it asks for a password, and DATABASE_URL has none"),
    ("not permitted to log in", "it does not let this login connect"),
    ("not currently accepting connections", "it accepts no connections now"),
    ("no pg_hba.conf entry", "it refuses connections from this address, or without TLS"),
    ("configuration parameter", "it refuses a setting in the options of DATABASE_URL"),
    ("invalid value for parameter", "it refuses a setting in the options of DATABASE_URL"),
    ("unsupported startup parameter", "a pooler refuses a parameter of DATABASE_URL"),
    ("not in hot standby mode", "no server has the state that target_session_attrs requires"),
    ("not read-only", "no server has the state that target_session_attrs requires"),
    ("certificate", "TLS: a certificate is missing or not accepted; see sslrootcert, sslcert and sslkey"),
    ("does not exist", "it answers, but has no such database or login"),
    ("no such file or directory", "the connection is refused: no server listens there"),
    ("no such", "a pooler answers, but has no such database or login"),
    ("could not translate host name", "its host name cannot be resolved"),
    ("connection refused", "the connection is refused: no server listens there"),
    ("timeout expired", "no server answers at that address"),
    ("starting up", "it is starting up"),
    ("shutting down", "it is shutting down"),
    ("ssl", "the TLS handshake failed: see sslmode"),
)
# Faults that the catalog may explain in more detail.
_EXPLAINED = (Fault.READ_ONLY, Fault.MISSING_PRIVILEGES, Fault.NOT_MIGRATED)


def find_obstacle(error: psycopg2.Error) -> Obstacle | None:
    """Return the fault of the database, or None if the error is about one statement."""
    obstacle = obstacle_of(error)
    if obstacle is None or obstacle.fault is not Fault.UNREACHABLE:
        return obstacle
    said = str(error).lower()
    found = next((fault for sign, fault in _FAULTS if sign in said), f"{type(error).__name__} at the connection")
    return obstacle._replace(found=found)


def describe(error: psycopg2.Error) -> str:
    """Return the fault and its fix, without a full stop. It may read details from the database."""
    connect, histories = services().connect, services().histories
    obstacle = _explain(error, connect, lambda transaction: find_obstacles(transaction.fetch_all, histories))
    if obstacle is None:
        return f"PostgreSQL reported the error {error.pgcode} ({type(error).__name__})"
    if obstacle.fault is Fault.NOT_MIGRATED:
        revisions = _ask(connect, lambda transaction: read_revisions(transaction.fetch_all, histories))
        if revisions is not None and revisions.elsewhere:
            return f"the database is {obstacle.found}: {revisions} ({revisions.fix})"
        return f"the database is {obstacle.found}: run `{histories[-1].command}`"
    return f"the database cannot be used: {obstacle.found} ({obstacle.fix})"


def describe_for_migrations(error: psycopg2.Error, connect: ConnectionFactory, histories: Sequence[History]) -> str:
    """Return why the database cannot be migrated, and the fix, without a full stop."""
    obstacle = _explain(
        error, connect, lambda transaction: find_obstacles_to_migrations(transaction.fetch_all, histories)
    )
    if obstacle is None or obstacle.fault is Fault.NOT_MIGRATED:
        found = f"its tables do not match {histories[-1].version_table} ({error.pgcode}, {type(error).__name__})"
        return f"{found} (restore it, or migrate an empty one)"
    return f"{obstacle.found} ({obstacle.fix})"


def _explain(
    error: psycopg2.Error, connect: ConnectionFactory, find: Callable[[TransactionalConnection], list[Obstacle]]
) -> Obstacle | None:
    obstacle = find_obstacle(error)
    if obstacle is not None and obstacle.fault in _EXPLAINED:
        return next(iter(_ask(connect, find) or ()), obstacle)
    return obstacle


def _ask(connect: ConnectionFactory, find: Callable[[TransactionalConnection], T]) -> T | None:
    """Return what ``find`` reads on a new connection, because the transaction has failed; None if it cannot read."""
    try:
        with TransactionalConnection(connect) as transaction:
            return find(transaction)
    except psycopg2.Error:
        return None


def is_configuration(error: psycopg2.Error) -> bool:
    """Return whether the fault remains until an operator changes something."""
    return find_fault(error) in (Fault.NOT_MIGRATED, Fault.NOT_UTF8, Fault.MISSING_PRIVILEGES)
