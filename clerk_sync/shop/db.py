"""The shop's database access: Flask-SQLAlchemy, and the mirrored users that the shop's tables refer to.

SQLAlchemy loads slowly, so commands that do not use the shop's tables must not import this module.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import BigInteger, Engine, MetaData, Text, func
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, registry

from clerk_sync import ClerkSync
from clerk_sync.shop.backend import find_backend

if TYPE_CHECKING:
    from sqlalchemy.orm import scoped_session

log = logging.getLogger(__name__)

NOW = func.now()

clerk = ClerkSync()


class Base(DeclarativeBase):
    """The base class of the shop's tables."""

    # Without a registry of its own, Flask-SQLAlchemy would make a second one for its copy of this class.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "pk": "pk_%(table_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            }
        ),
        type_annotation_map={str: Text, int: BigInteger, datetime: TIMESTAMP(timezone=True)},
    )


class Session(FlaskSession):
    """A session that closes without an error."""

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
    """Flask-SQLAlchemy with our sessions, on the application's engine."""

    if TYPE_CHECKING:
        session: scoped_session[Session]  # type: ignore[assignment]  # the library names its own

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:  # noqa: ARG002
        return find_backend(app).make_engine()


db = Database(model_class=Base, session_options={"class_": Session})

users = clerk.table(db.metadata)
"""The mirrored users. The shop reads them, and locks their rows, but never writes them."""


def install(app: Flask) -> None:
    """Give ``app`` the shop's sessions. A second call does nothing."""
    if "sqlalchemy" in app.extensions:
        return
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://"
    db.init_app(app)
