"""The connection pool of a web worker: SQLAlchemy's ``QueuePool`` over psycopg2.

It serves single statements (``fetch_all``) and SQLAlchemy's sessions (``make_engine``). A worker has one limit on its
connections, and a request holds one connection at a time.

A single statement takes one round trip. BEGIN, SET and COMMIT would each cost another one, and a session's result layer
costs more than a short query. So a single statement runs in autocommit, on the driver's own cursor.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Mapping
from typing import Any, LiteralString, Self

import psycopg2
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from clerk_sync.db.connect import (
    MAX_OVERFLOW,
    POOL_SIZE,
    POOL_TIMEOUT_S,
    SESSION_TIME_LIMITS,
    TIME_LIMITS,
    ConnectionFactory,
)
from clerk_sync.db.errors import Fault, find_fault, has_lost_connection
from clerk_sync.db.prepared_statement import PreparedStatement, Statement, text_of
from clerk_sync.db.search_path import SearchPath

# SQLAlchemy logs under the name of the pool's class, and quotes the driver: host, login, statement. The request's own
# line says what happened.
logging.getLogger(f"{__name__}.ConnectionPool").disabled = True

# From the catalog, which needs no privileges.
_ABOUT: LiteralString = """
SELECT pg_backend_pid(), EXISTS (
    SELECT FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid
    WHERE nspname = %s AND relname = 'clerk_sync_version' AND has_schema_privilege(pg_namespace.oid, 'USAGE')
)
"""
_NO_VALUES: Mapping[str, object] = {}
_STATE = "pooled connection"

# feature_not_supported: "cached plan must not change result type", after a migration. invalid_sql_statement_name and
# duplicate_prepared_statement: another program has reset the session. A new connection prepares again.
_OUTDATED_PLAN = ("0A000", "26000", "42P05")


class ConnectionPool(QueuePool):
    """The pool. Threads may share it. It opens no connection before the first use.

    ``search_path`` is that of ``connect`` unless it is given.
    """

    def __init__(self, connect: ConnectionFactory, search_path: SearchPath | None = None) -> None:
        super().__init__(
            connect,  # type: ignore[arg-type]  # the stubs of psycopg2 and SQLAlchemy describe cursors differently
            pool_size=POOL_SIZE,
            max_overflow=MAX_OVERFLOW,
            timeout=POOL_TIMEOUT_S,
            use_lifo=True,
        )
        self._search_path = search_path or connect.search_path
        event.listen(self, "connect", self._prepare)
        event.listen(self, "checkout", _check)

    def fetch_all(self, statement: Statement, values: Mapping[str, object] = _NO_VALUES, /) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, in a transaction of its own, within the time limits of a transaction.

        The statement must be safe to repeat: it is sent again if the connection was lost.
        Raises psycopg2's errors, and SQLAlchemy's TimeoutError if no connection comes free in time.
        """
        is_retry = False
        while True:
            entry = self._take_entry()
            try:
                rows: list[tuple[Any, ...]] = entry.info[_STATE].fetch_all(statement, values)
            except psycopg2.Error as error:
                is_lost = has_lost_connection(error, entry.dbapi_connection) or error.pgcode in _OUTDATED_PLAN
                if is_lost or _is_read_only(error):
                    self._invalidate(entry, error)
                    entry.invalidate(error)
                if is_retry or not is_lost:
                    raise
                is_retry = True
            except BaseException as error:
                entry.invalidate(error)  # perhaps in the middle of a result
                raise
            else:
                return rows
            finally:
                self._do_return_conn(entry)

    def _take_entry(self) -> Any:
        """Take an entry with a usable connection. ``_do_return_conn`` gives it back.

        ``QueuePool.connect`` would add a proxy, a finalizer and a reset to it: a fifth of the CPU time of /api/me.
        """
        entry: Any = self._do_get()
        try:
            entry.get_connection()
            if not _is_usable(entry):
                entry.invalidate()
                entry.get_connection()
        except BaseException as error:
            entry.invalidate(error)
            self._do_return_conn(entry)
            raise
        return entry

    def make_engine(self) -> Engine:
        """Return an engine whose sessions use this pool."""
        # Without that option each new connection would ask for the OIDs of hstore.
        engine = create_engine("postgresql+psycopg2://", pool=self, use_native_hstore=False)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "handle_error", _drop_read_only_sessions)
        return engine

    def recreate(self) -> Self:
        """Return this pool: ``Engine.dispose`` would give the engine another pool than ``fetch_all`` has."""
        return self

    def _prepare(self, connection: Any, record: Any) -> None:
        record.info[_STATE] = PooledConnection(connection, self._search_path)


class PooledConnection:
    """A connection of the pool, its cursor, and the statements that it has prepared.

    Reads have time limits, too: a lock on a whole table would otherwise block every thread of the worker.

    A direct connection sets limits and search path once. Behind a transaction pooler (PgBouncer) they are sent with
    each statement: statements that are sent together are one transaction, to which SET LOCAL applies. Nothing is
    prepared there.

    If the mirror has not been migrated, its statements must not find tables with the same names in the next schema of
    the path. So the connection then has the first schema only, and it is replaced when it is used again.
    """

    def __init__(self, connection: Any, search_path: SearchPath) -> None:
        connection.autocommit = True
        self.process_id = os.getpid()
        self.is_new = True
        self._connection = connection
        self._cursor = connection.cursor()
        self._prepared: set[str] = set()
        self._cursor.execute(_ABOUT, search_path.schemas[:1])
        ((backend, has_mirror),) = self._cursor.fetchall()
        self.is_provisional = len(search_path.schemas) > 1 and not has_mirror
        if self.is_provisional:
            search_path = search_path.mirror_only
        # A pooler invents the process id that it reports to its clients when they connect.
        self.is_direct = backend == connection.info.backend_pid
        self.preamble: LiteralString = f"{search_path.for_transaction}; {TIME_LIMITS}"
        if self.is_direct:
            self._cursor.execute(f"{search_path.for_session}; {SESSION_TIME_LIMITS}")

    def fetch_all(self, statement: Statement, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        if not self._connection.autocommit:
            self._connection.autocommit = True
        self._cursor.execute(self._text_of(statement), values)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _text_of(self, statement: Statement) -> LiteralString:
        if not self.is_direct:
            return f"{self.preamble}; {text_of(statement)}"
        if not isinstance(statement, PreparedStatement):
            return statement
        if statement.name not in self._prepared:
            self._cursor.execute(statement.prepare)
            self._prepared.add(statement.name)
        return statement.execute


def _begin(connection: Any) -> None:
    """Prepare a pooled connection for a session's transaction."""
    proxied = connection.connection
    proxied.dbapi_connection.autocommit = False
    state: PooledConnection = proxied.info[_STATE]
    if not state.is_direct:
        connection.exec_driver_sql(state.preamble)


def _drop_read_only_sessions(context: ExceptionContext) -> None:
    if _is_read_only(context.original_exception):
        context.is_disconnect = True


def _is_read_only(error: BaseException) -> bool:
    """Return whether ``error`` says that the session is read-only. The pool then drops every open connection.

    PostgreSQL reads default_transaction_read_only when a session begins. An open session would refuse writes after the
    operator has reset it.
    """
    return find_fault(error) is Fault.READ_ONLY


def _check(_: Any, record: Any, proxied: Any) -> None:
    """Let the pool replace a connection that cannot be used."""
    if not _is_usable(record):
        proxied.dbapi_connection = record.dbapi_connection
        raise DisconnectionError


def _is_usable(entry: Any) -> bool:
    """Return whether the entry's connection can be used. This costs 1 µs. A ping would cost a round trip."""
    state: PooledConnection = entry.info[_STATE]
    if state.is_new:
        state.is_new = False
        return True
    if state.process_id != os.getpid():
        # The parent process uses this connection. Forget it: to close it would end the parent's session.
        entry.dbapi_connection = None
        return False
    return not (state.is_provisional or _has_input(entry.dbapi_connection))


def _has_input(connection: Any) -> bool:
    """Return whether an idle connection can be read. There the server sends only a final error, or closes."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
