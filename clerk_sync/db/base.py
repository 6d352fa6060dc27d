"""The base class of every table. It is in ``db`` because the mirror's and the shop's tables share one metadata."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, MetaData, Text, func
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, registry

NOW = func.now()


class Base(DeclarativeBase):
    """The base class."""

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
