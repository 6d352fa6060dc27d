"""Transactions, one after another, on one connection. Commands use it.

It uses the driver's cursor. SQLAlchemy's session costs as much as a short query, and importing it takes longer than a
short sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, LiteralString, Protocol, Self

import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from clerk_sync.db.connect import TIME_LIMITS, ConnectionFactory
from clerk_sync.db.errors import has_lost_connection
from clerk_sync.db.prepared_statement import Statement

if TYPE_CHECKING:
    from psycopg2.extensions import ConnectionInfo
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case


class SqlExecutor(Protocol):
    """Executes the statements of a function in the caller's transaction. The caller commits or rolls back."""

    def fetch_all(self, statement: Statement, values: Mapping[str, object] = ..., /) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, or no rows if it has no result. Raise the driver's errors."""


class TransactionalConnection:
    """A ``SqlExecutor``. The first statement begins a transaction; ``commit`` or ``rollback`` ends it.

    Each transaction begins with the search path of ``connect`` and with ``preamble``, which sets time limits and the
    mode. Both are sent together with the first statement, which also opens the connection. Only one thread may use it
    at a time.
    """

    def __init__(self, connect: ConnectionFactory, preamble: LiteralString = TIME_LIMITS) -> None:
        self._connect = connect
        self._begin: LiteralString = f"BEGIN; {connect.search_path.for_transaction}; {preamble}; "
        self._connection: Connection | None = None

    def fetch_all(self, statement: Statement, values: Mapping[str, object] | None = None, /) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, or no rows if it has no result. Raise psycopg2's errors.

        If the connection was lost before the first statement of a transaction, that statement is sent again on a new
        connection.
        """
        # On this connection nothing is prepared.
        text = statement if isinstance(statement, str) else statement.text
        if self._is_open:
            return self._send(text, values)
        try:
            return self._send(self._begin + text, values)
        except psycopg2.Error as error:
            if self._connection is None or not has_lost_connection(error, self._connection):
                raise
        self.close()
        return self._send(self._begin + text, values)

    @property
    def info(self) -> ConnectionInfo:
        """The driver's information about the connection, which the first statement opens."""
        if self._connection is None:
            raise psycopg2.InterfaceError("nothing has been sent yet")
        return self._connection.info

    def commit(self) -> None:
        """Commit the transaction, if one is open.

        Raises psycopg2's errors, also if the transaction had failed: PostgreSQL would roll back without an error.
        """
        if not self._is_open:
            return
        try:
            tag = self._command("COMMIT")
        except psycopg2.Error:
            self.close()
            raise
        if tag != "COMMIT":
            raise psycopg2.errors.InFailedSqlTransaction("the transaction had failed: nothing was committed")

    def rollback(self) -> None:
        """Roll back the transaction, if one is open. PostgreSQL has done so for a lost connection."""
        if not self._is_open:
            return
        try:
            self._command("ROLLBACK")
        except psycopg2.Error:
            self.close()

    def close(self) -> None:
        """Close the connection without a commit. The next statement opens a new one.

        Also safe during an interrupted statement.
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
            # The driver would send BEGIN in a round trip of its own.
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _command(self, command: LiteralString) -> str | None:
        """Send ``command`` and return the server's command tag, for example ``COMMIT``."""
        if self._connection is None:
            return None
        with self._connection.cursor() as cursor:
            cursor.execute(command)
            return cursor.statusmessage

    @property
    def _is_open(self) -> bool:
        # Ask the driver: a statement may have failed before the server received BEGIN.
        return self._connection is not None and self._connection.info.transaction_status != TRANSACTION_STATUS_IDLE
