"""Single statements, one round trip each, for what every request waits for.

BEGIN, SET and COMMIT would be round trips of their own, and a session's result layer costs as much again as a short
query. So these connections are in autocommit and the driver's own cursor is used: a statement is its own transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any, LiteralString

import psycopg2

from clerk_sync.db.connect import MAX_OVERFLOW, POOL_SIZE, POOL_TIMEOUT_S, SESSION_TIME_LIMITS, TIME_LIMITS, Connect
from clerk_sync.db.errors import Fault, find_fault, has_lost_connection


class PreparedStatement:
    """A statement that a connection parses and plans once, where its session is ours and can remember it."""

    def __init__(
        self,
        name: LiteralString,
        text: LiteralString,
        parameters: Sequence[LiteralString],
        *,
        preamble: LiteralString = "",
    ) -> None:
        """``text`` has each of ``parameters`` as %(parameter)s, and no other percent sign.

        ``preamble`` is sent in front of it each time, for settings of the transaction.
        """
        numbered = {parameter: f"${number}" for number, parameter in enumerate(parameters, start=1)}
        values = ", ".join(f"%({parameter})s" for parameter in parameters)
        before: LiteralString = f"{preamble}; " if preamble else ""
        self.name = name
        self.text: LiteralString = before + text
        self.prepare: LiteralString = f"PREPARE {name} AS {text % numbered}"
        self.execute: LiteralString = f"{before}EXECUTE {name}({values})"


class PoolExhaustedError(Exception):
    """Every connection was in use for as long as one may wait for it."""


class AutocommitPool:
    """A pool of connections in autocommit. Safe to share between threads; nothing is opened before it is needed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        # In place of a semaphore, which is written in Python and would take a tenth of a webhook's time there.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(POOL_SIZE + MAX_OVERFLOW):
            self._places.put(None)
        self._idle: list[PooledConnection] = []  # the last in is the first out: the others may grow old and be closed

    def fetch_all(
        self, statement: LiteralString | PreparedStatement, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, which must be safe to repeat, within the time limits of a transaction.

        Where the server was restarted since, the dead connections are dropped and the statement is sent once more.
        Raises psycopg2's errors, and PoolExhausted where no connection comes free in time.
        """
        try:
            self._places.get(timeout=POOL_TIMEOUT_S)
        except Empty:
            raise PoolExhaustedError from None
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
            self._places.put(None)

    def dispose(self) -> None:
        """Close the connections that nobody uses; the pool fills again when asked."""
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _send(
        self, statement: LiteralString | PreparedStatement, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        try:
            line = self._idle.pop()
        except IndexError:
            line = PooledConnection(self._connect)
        try:
            rows = line.fetch_all(statement, values)
        except psycopg2.Error as error:
            if has_lost_connection(error, line.connection) or error.pgcode in _OUTDATED:
                line.close()
                raise _ConnectionDied(error) from error
            if find_fault(error) is Fault.READ_ONLY:
                # default_transaction_read_only of a login is read when a session begins: this one would stay refused
                # after the operator has reset it.
                line.close()
                self.dispose()
            else:
                self._keep(line)
            raise
        except BaseException:
            line.close()  # interrupted, perhaps in the middle of an answer
            raise
        self._keep(line)
        return rows

    def _keep(self, line: PooledConnection) -> None:
        if len(self._idle) < POOL_SIZE:
            self._idle.append(line)
        else:
            line.close()


class PooledConnection:
    """One connection and its cursor.

    Reads have limits, too: a lock on a whole table would keep every thread, and no webhook would get one. A session of
    our own gets them once. A pooler in transaction mode hands sessions round: there they go along with each statement,
    because what is sent together is one transaction, which is where SET LOCAL lives. And nothing is prepared there.
    """

    def __init__(self, connect: Connect) -> None:
        self.connection: Any = connect()
        self.connection.autocommit = True
        self._cursor = self.connection.cursor()
        self._session_is_ours: bool | None = None
        self._prepared: set[str] = set()

    def fetch_all(
        self, statement: LiteralString | PreparedStatement, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        if self._session_is_ours is None:
            self._session_is_ours = self._set_limits()
        self._cursor.execute(self._text_of(statement), values)
        return self._cursor.fetchall()

    def close(self) -> None:
        self.connection.close()

    def _set_limits(self) -> bool:
        """Find out whether the session is ours; bound its waits if it is."""
        self._cursor.execute("SELECT pg_backend_pid()")
        ((backend,),) = self._cursor.fetchall()
        # A pooler makes up the number that it tells its clients at the start.
        if backend != self.connection.info.backend_pid:
            return False
        self._cursor.execute(SESSION_TIME_LIMITS)
        return True

    def _text_of(self, statement: LiteralString | PreparedStatement) -> LiteralString:
        if not self._session_is_ours:
            return f"{TIME_LIMITS}; {statement.text if isinstance(statement, PreparedStatement) else statement}"
        if not isinstance(statement, PreparedStatement):
            return statement
        if statement.name not in self._prepared:
            self._cursor.execute(statement.prepare)
            self._prepared.add(statement.name)
        return statement.execute


# feature_not_supported: "cached plan must not change result type", after a migration. invalid_sql_statement_name and
# duplicate_prepared_statement: somebody in between has reset the session. A new connection prepares anew.
_OUTDATED = ("0A000", "26000", "42P05")


class _ConnectionDied(Exception):
    """The statement failed because its connection had gone, or remembered what is no longer so."""

    def __init__(self, error: psycopg2.Error) -> None:
        super().__init__()
        self.error = error
