"""SQLAlchemy, for what is written as objects: the shop, the pages of the console, the migrations.

It is loaded by whoever needs it: a web worker at its start, a command when it asks. ``sync`` and ``check`` never do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, LiteralString

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from clerk_sync.db.connect import MAX_OVERFLOW, POOL_SIZE, POOL_TIMEOUT_S, TIME_LIMITS, Connect
from clerk_sync.db.errors import Fault, find_fault
from clerk_sync.extensions import services
from clerk_sync.mirror.models import Base
from clerk_sync.shop import models as _shop_models  # noqa: F401 - its tables belong to the metadata

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.orm import scoped_session

log = logging.getLogger(__name__)


class Session(FlaskSession):
    """SQLAlchemy's session, which the mirror's functions take for a ``Transaction`` as well."""

    def fetch_all(
        self, statement: LiteralString, values: Mapping[str, object] | None = None, /
    ) -> list[tuple[Any, ...]]:
        """Return the rows of ``statement``, none where it has no result; raise SQLAlchemy's errors."""
        result = self.connection().exec_driver_sql(statement, dict(values or {}))
        return [tuple(row) for row in result] if result.returns_rows else []

    def close(self) -> None:
        """Undo what was not committed; never raise for a connection that was lost.

        Flask-SQLAlchemy closes the session when the request is over. The answer has been made by then: an error would
        turn it into an empty 500. PostgreSQL undoes the transaction of a lost connection by itself.
        """
        try:
            super().close()
        except DBAPIError as error:
            log.warning("a database connection was lost at the end: %s", type(error.orig).__name__)
            self.invalidate()


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with sessions of ours."""

    if TYPE_CHECKING:
        session: scoped_session[Session]  # type: ignore[assignment]  # the library names its own


db = Database(model_class=Base, session_options={"class_": Session})


def install(app: Flask, connect: Connect) -> None:
    """Give ``app`` its sessions, on connections of ``connect``; a second call changes nothing."""
    if "sqlalchemy" in app.extensions:
        return
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(connect)
    db.init_app(app)
    with app.app_context():
        _limit_transactions(db.engine)
        _drop_read_only_sessions(db.engine)


def session() -> Session:
    """Return the current application's session, installed first where the application came without."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a method of the proxy
    install(app, services().connect)
    return db.session()


def _engine_options(connect: Connect) -> dict[str, Any]:
    return {
        "creator": connect,
        "pool_size": POOL_SIZE,
        "max_overflow": MAX_OVERFLOW,
        "pool_timeout": POOL_TIMEOUT_S,
        "pool_use_lifo": True,
        # A restarted PostgreSQL costs nobody an error. What is in a hurry does not come this way: see ``statements``.
        "pool_pre_ping": True,
    }


def _limit_transactions(engine: Engine) -> None:
    """Bound each transaction's waits, so that a webhook is answered before Clerk gives up on it (15 s)."""

    @event.listens_for(engine, "begin")
    def set_limits(connection: Any) -> None:
        connection.exec_driver_sql(TIME_LIMITS)


def _drop_read_only_sessions(engine: Engine) -> None:
    """Let no session stay in the pool that was refused a write: ``statements`` says why."""

    @event.listens_for(engine, "handle_error")
    def drop(context: ExceptionContext) -> None:
        if find_fault(context.original_exception) is Fault.READ_ONLY:
            context.is_disconnect = True
