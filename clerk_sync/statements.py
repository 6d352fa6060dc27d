"""Single statements, one round trip each, for what every request waits for.

BEGIN, SET and COMMIT would be round trips of their own, and a session's result layer costs as much again as a short
query. So these connections are in autocommit and the driver's own cursor is used: a statement is its own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg2
from sqlalchemy.pool import QueuePool

from clerk_sync.database import (
    MAX_OVERFLOW,
    POOL_SIZE,
    POOL_TIMEOUT_S,
    SESSION_TIME_LIMITS,
    TIME_LIMITS,
    Connect,
)

_LIMITS = "clerk_sync.limits"


class Statements:
    """A pool of connections in autocommit. Safe to share between threads."""

    def __init__(self, connect: Connect) -> None:
        def connect_in_autocommit() -> Any:
            connection = connect()
            connection.autocommit = True
            return connection

        self._pool = QueuePool(
            connect_in_autocommit,
            pool_size=POOL_SIZE,
            max_overflow=MAX_OVERFLOW,
            timeout=POOL_TIMEOUT_S,
            use_lifo=True,
            reset_on_return=None,  # it would be a ROLLBACK, and there is nothing to roll back
        )

    def rows(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, which must be safe to repeat, within the time limits of a transaction.

        Where the server was restarted since, the dead connections are dropped and the statement is sent once more.
        Raises psycopg2's errors, and SQLAlchemy's TimeoutError for a pool that stays empty.
        """
        try:
            return self._rows(statement, values)
        except _ConnectionDied:
            self.dispose()
        try:
            return self._rows(statement, values)
        except _ConnectionDied as died:
            raise died.error from died

    def dispose(self) -> None:
        """Close the connections that nobody uses; the pool fills again when asked."""
        old, self._pool = self._pool, self._pool.recreate()
        old.dispose()

    def _rows(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        pooled = self._pool.connect()
        try:
            cursor: Any = pooled.cursor()
            limits = pooled.info.get(_LIMITS)
            if limits is None:
                limits = pooled.info[_LIMITS] = _set_limits(cursor)
            cursor.execute(limits + statement, values)
            return list(cursor)
        except psycopg2.Error as error:
            if not _has_lost_connection(error, pooled.dbapi_connection):
                raise
            pooled.invalidate(error)
            raise _ConnectionDied(error) from error
        finally:
            pooled.close()


def _set_limits(cursor: Any) -> LiteralString:
    """Bound the waits of a new connection and return what each statement on it has to begin with.

    Reads have limits, too: a lock on a whole table would keep every thread, and no webhook would get one. A session of
    our own gets them once. A pooler in transaction mode hands sessions round: there they go along with each statement,
    because what is sent together is one transaction, which is where SET LOCAL lives.
    """
    cursor.execute("SELECT pg_backend_pid()")
    ((backend,),) = cursor
    # A pooler makes up the number that it tells its clients at the start.
    if backend != cursor.connection.info.backend_pid:
        return f"{TIME_LIMITS}; "
    cursor.execute(SESSION_TIME_LIMITS)
    return ""


def _has_lost_connection(error: psycopg2.Error, connection: Any) -> bool:
    # One that breaks off between two results still counts as open; the driver raises its base class, without a code.
    broke_off = type(error) is psycopg2.DatabaseError and error.pgcode is None
    return broke_off or bool(getattr(connection, "closed", 1))


class _ConnectionDied(Exception):
    """The statement failed because its connection had gone."""

    def __init__(self, error: psycopg2.Error) -> None:
        super().__init__()
        self.error = error
