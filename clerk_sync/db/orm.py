"""Flask-SQLAlchemy for the shop, the console and the migrations, on our connection pool.

Web workers load it at their start, and some commands load it. ``flask sync-clerk`` does not: the import is slow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.exc import DBAPIError

from clerk_sync.db.base import Base
from clerk_sync.db.pool import ConnectionPool
from clerk_sync.db.prepared_statement import Statement, text_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import scoped_session

log = logging.getLogger(__name__)


class Session(FlaskSession):
    """SQLAlchemy's session, which is also a ``SqlExecutor`` for the mirror's functions."""

    def fetch_all(self, statement: Statement, values: Mapping[str, object] | None = None, /) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, or no rows if it has no result. Raise SQLAlchemy's errors."""
        result = self.connection().exec_driver_sql(text_of(statement), dict(values or {}))
        return [tuple(row) for row in result] if result.returns_rows else []

    def close(self) -> None:
        """Roll back what was not committed. Do not raise if the connection was lost.

        Flask-SQLAlchemy closes the session after the response is made. An error would replace it with an empty 500.
        PostgreSQL rolls back the transaction of a lost connection itself.
        """
        try:
            super().close()
        except DBAPIError as error:
            log.warning("a database connection was lost after the response: %s", type(error.orig).__name__)
            self.invalidate()


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with our sessions and our pool."""

    if TYPE_CHECKING:
        session: scoped_session[Session]  # type: ignore[assignment]  # the library names its own

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:  # noqa: ARG002
        engine: Engine = options["pool"].make_engine()
        return engine


db = Database(model_class=Base, session_options={"class_": Session})


def install(app: Flask, pool: ConnectionPool) -> None:
    """Give ``app`` sessions on the connections of ``pool``. A second call does nothing."""
    if "sqlalchemy" in app.extensions:
        return
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool": pool}
    db.init_app(app)
