"""Single statements, one round trip each, for what every request waits for.

BEGIN, SET and COMMIT would be round trips of their own, and a session's result layer costs as much again as a short
query. So these connections are in autocommit and the driver's own cursor is used: a statement is its own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Semaphore
from typing import Any, LiteralString

import psycopg2

from clerk_sync.database import (
    MAX_OVERFLOW,
    POOL_SIZE,
    POOL_TIMEOUT_S,
    SESSION_TIME_LIMITS,
    TIME_LIMITS,
    Connect,
    has_lost_connection,
)


class PoolExhausted(Exception):
    """Every connection was in use for as long as one may wait for it."""


class Statements:
    """A pool of connections in autocommit. Safe to share between threads; nothing is opened before it is needed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._places = Semaphore(POOL_SIZE + MAX_OVERFLOW)
        self._idle: list[_Line] = []  # the last in is the first out: the others may grow old and be closed

    def rows(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, which must be safe to repeat, within the time limits of a transaction.

        Where the server was restarted since, the dead connections are dropped and the statement is sent once more.
        Raises psycopg2's errors, and PoolExhausted where no connection comes free in time.
        """
        if not self._places.acquire(timeout=POOL_TIMEOUT_S):
            raise PoolExhausted
        try:
            try:
                return self._send(statement, values)
            except _ConnectionDied:
                self.dispose()
            try:
                return self._send(statement, values)
            except _ConnectionDied as died:
                raise died.error from died
        finally:
            self._places.release()

    def dispose(self) -> None:
        """Close the connections that nobody uses; the pool fills again when asked."""
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _send(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        try:
            line = self._idle.pop()
        except IndexError:
            line = _Line(self._connect)
        try:
            rows = line.rows(statement, values)
        except psycopg2.Error as error:
            if has_lost_connection(error, line.connection):
                line.close()
                raise _ConnectionDied(error) from error
            self._keep(line)
            raise
        except BaseException:
            line.close()  # interrupted, perhaps in the middle of an answer
            raise
        self._keep(line)
        return rows

    def _keep(self, line: _Line) -> None:
        if len(self._idle) < POOL_SIZE:
            self._idle.append(line)
        else:
            line.close()


class _Line:
    """One connection and its cursor.

    Reads have limits, too: a lock on a whole table would keep every thread, and no webhook would get one. A session of
    our own gets them once. A pooler in transaction mode hands sessions round: there they go along with each statement,
    because what is sent together is one transaction, which is where SET LOCAL lives.
    """

    def __init__(self, connect: Connect) -> None:
        self.connection: Any = connect()
        self.connection.autocommit = True
        self._cursor = self.connection.cursor()
        self._limits: LiteralString | None = None

    def rows(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if self._limits is None:
            self._limits = self._set_limits()
        self._cursor.execute(self._limits + statement, values)
        return self._cursor.fetchall()

    def close(self) -> None:
        self.connection.close()

    def _set_limits(self) -> LiteralString:
        """Bound the waits of this connection and return what each statement on it has to begin with."""
        self._cursor.execute("SELECT pg_backend_pid()")
        ((backend,),) = self._cursor.fetchall()
        # A pooler makes up the number that it tells its clients at the start.
        if backend != self.connection.info.backend_pid:
            return f"{TIME_LIMITS}; "
        self._cursor.execute(SESSION_TIME_LIMITS)
        return ""


class _ConnectionDied(Exception):
    """The statement failed because its connection had gone."""

    def __init__(self, error: psycopg2.Error) -> None:
        super().__init__()
        self.error = error
