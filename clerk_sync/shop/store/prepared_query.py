"""A query that each connection plans once and sends in one round trip.

Planning a page of orders takes PostgreSQL twice as long as reading it, and a session sends BEGIN and ROLLBACK besides.
Reading a page costs 160 µs of CPU here, PostgreSQL's included, and 600 µs in a session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg2
from sqlalchemy import PoolProxiedConnection

from clerk_sync.shop.db import db

# feature_not_supported: "cached plan must not change result type", after a migration. invalid_sql_statement_name:
# another program has reset the session.
_OUTDATED_PLAN = ("0A000", "26000")


class PreparedQuery:
    """A SELECT that is prepared on each connection of the engine at its first use there.

    Behind a transaction pooler (PgBouncer) nothing can be prepared. There it runs in a short transaction.
    """

    def __init__(self, name: LiteralString, text: LiteralString, parameters: Sequence[LiteralString]) -> None:
        """``text`` has each of ``parameters`` as %(parameter)s, and no other percent sign."""
        numbered = {parameter: f"${number}" for number, parameter in enumerate(parameters, start=1)}
        values = ", ".join(f"%({parameter})s" for parameter in parameters)
        self.text = text
        self._prepare: LiteralString = f"PREPARE {name} AS {text % numbered}"
        self._execute: LiteralString = f"EXECUTE {name}({values})"

    def fetch_all(self, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """Return the rows. If the connection was lost or its plan is outdated, it is sent again.

        Raises errors of psycopg2 and SQLAlchemy.
        """
        connection = db.engine.raw_connection()
        try:
            rows = self._fetch_prepared(connection, values)
        except BaseException as error:
            may_repeat = isinstance(error, psycopg2.Error) and _may_repeat(error, connection)
            connection.invalidate(error)  # perhaps in the middle of a result
            if not may_repeat:
                raise
            rows = None
        else:
            connection.close()
        if rows is None:
            return self._fetch_unprepared(values)
        return rows

    def _fetch_unprepared(self, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        # Not in the request's session: its transaction would keep the connection while the request takes another one.
        with db.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(self.text, dict(values))]

    def _fetch_prepared(
        self, connection: PoolProxiedConnection, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]] | None:
        """Return the rows, or None if this connection cannot prepare."""
        driver: Any = connection.driver_connection
        driver.autocommit = True
        try:
            with driver.cursor() as cursor:
                if self not in connection.info:
                    connection.info[self] = is_direct = _is_direct(driver, cursor)
                    if is_direct:
                        cursor.execute(self._prepare)
                if not connection.info[self]:
                    return None
                cursor.execute(self._execute, values)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows
        finally:
            if not driver.closed:
                driver.autocommit = False


def _is_direct(driver: Any, cursor: Any) -> bool:
    """Return whether no pooler is in between. A pooler invents the process id that it reports to its clients."""
    cursor.execute("SELECT pg_backend_pid()")
    return bool(cursor.fetchone() == (driver.info.backend_pid,))


def _may_repeat(error: psycopg2.Error, connection: PoolProxiedConnection) -> bool:
    # psycopg2 reports no SQLSTATE for a connection that was cut.
    driver: Any = connection.driver_connection
    return bool(driver.closed) or error.pgcode is None or error.pgcode in _OUTDATED_PLAN
