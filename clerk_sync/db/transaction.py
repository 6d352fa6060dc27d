"""Transactions, one after another on one connection, for work that takes many statements.

The driver's own cursor and nothing on top: a session's result layer costs as much as a short query, and loading it more
than a short run of sync does altogether.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, LiteralString, Protocol, Self

import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from clerk_sync.db.connect import TIME_LIMITS, Connect
from clerk_sync.db.errors import has_lost_connection

if TYPE_CHECKING:
    from psycopg2.extensions import ConnectionInfo
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case


class SqlExecutor(Protocol):
    """What a function is given whose statements take effect together: when, and whether, its caller decides."""

    def fetch_all(self, statement: LiteralString, values: Mapping[str, object] = ..., /) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, none where it has no result; raise the driver's errors."""


class TransactionalConnection:
    """A ``SqlExecutor`` that begins with its first statement and ends with ``commit`` or ``rollback``; then another.

    ``preamble`` is what each begins with: its time limits, its mode. It travels with the first statement. Nothing is
    opened before that; for one thread at a time.
    """

    def __init__(self, connect: Connect, preamble: LiteralString = TIME_LIMITS) -> None:
        self._connect = connect
        self._begin: LiteralString = f"BEGIN; {preamble}; "
        self._connection: Connection | None = None

    def fetch_all(
        self, statement: LiteralString, values: Mapping[str, object] | None = None, /
    ) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, none where it has no result.

        The first of a transaction may find the server restarted since the last one: then it is sent once more, on a
        new connection. Raises psycopg2's errors.
        """
        if self._is_open:
            return self._send(statement, values)
        try:
            return self._send(self._begin + statement, values)
        except psycopg2.Error as error:
            if self._connection is None or not has_lost_connection(error, self._connection):
                raise
        self.close()
        return self._send(self._begin + statement, values)

    @property
    def info(self) -> ConnectionInfo:
        """What the driver knows about the connection; there is none before the first statement."""
        if self._connection is None:
            raise psycopg2.InterfaceError("nothing has been sent yet")
        return self._connection.info

    def commit(self) -> None:
        """Let everything since the last end take effect; nothing happens where nothing was sent.

        Raises psycopg2's errors, also for a transaction that had failed: PostgreSQL itself would say nothing.
        """
        if not self._is_open:
            return
        try:
            said = self._command("COMMIT")
        except psycopg2.Error:
            self.close()
            raise
        if said != "COMMIT":
            raise psycopg2.errors.InFailedSqlTransaction("the transaction had failed: nothing of it was committed")

    def rollback(self) -> None:
        """Undo everything since the last end; what a lost connection had is undone already."""
        if not self._is_open:
            return
        try:
            self._command("ROLLBACK")
        except psycopg2.Error:
            self.close()

    def close(self) -> None:
        """Drop the connection, and with it what was not committed; another statement opens a new one.

        Safe in the middle of a statement that was interrupted.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, statement: LiteralString, values: Mapping[str, object] | None) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._connect()
            # The driver's own BEGIN would be a round trip of its own.
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _command(self, command: LiteralString) -> str | None:
        """Send ``command`` and return what the server calls that which it did."""
        if self._connection is None:
            return None
        with self._connection.cursor() as cursor:
            cursor.execute(command)
            return cursor.statusmessage

    @property
    def _is_open(self) -> bool:
        # The driver knows best: a statement may have failed before its BEGIN was heard.
        return self._connection is not None and self._connection.info.transaction_status != TRANSACTION_STATUS_IDLE
