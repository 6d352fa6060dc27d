"""Errors of the database as problems: 503 with ``Retry-After`` if the database cannot be used now."""

from __future__ import annotations

import logging

import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.problems import Problem, retry_later

log = logging.getLogger(__name__)

DATABASE_ERRORS = (psycopg2.Error, DBAPIError, PoolTimeout)
"""What a statement can raise. SQLAlchemy wraps the driver's errors, except in ``ConnectionPool.fetch_all``."""

RETRY_AFTER_S = 5


def find_database_problem(error: Exception) -> Problem | None:
    """Return the problem for one of DATABASE_ERRORS and log it; None if the error concerns one statement only."""
    if isinstance(error, PoolTimeout):
        metrics().pool_timeouts.inc()
        fault: Fault | None = Fault.BUSY
    else:
        fault = find_fault(error)
    if fault is None:
        return None
    log.error("database unavailable: %s (%s)", fault, type(getattr(error, "orig", error)).__name__)
    verb = "reached" if fault is Fault.UNREACHABLE else "used"
    # /readyz names the fault.
    return retry_later("database-unavailable", f"The database cannot be {verb} now.", RETRY_AFTER_S)
