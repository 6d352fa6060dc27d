"""The mirror's tables. Its triggers and functions are in ``migrations``: the role guard, the audit, take_event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from clerk_sync.clerk.users import COLUMNS, MirroredColumn

NOW = func.now()


class Base(DeclarativeBase):
    """The base class of the mirror's tables."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {str: Text, int: BigInteger, datetime: TIMESTAMP(timezone=True)}


_TYPES: dict[str, TypeEngine[Any]] = {"text": Text(), "boolean": Boolean(), "bigint": BigInteger()}
_INSTANT = TIMESTAMP(timezone=True)


def _column_of(mirrored: MirroredColumn) -> Column[Any]:
    is_nullable = mirrored.default == "null"
    default = text(mirrored.default) if mirrored.default and not is_nullable else None
    return Column(mirrored.name, _TYPES[mirrored.sql_type], nullable=is_nullable, server_default=default)


# Live users and tombstones. E-mail is not unique: an address may move to a new user before the deletion of the old
# one arrives.
users = Table(
    "users",
    Base.metadata,
    Column("id", BigInteger(), Identity(), primary_key=True),
    *map(_column_of, COLUMNS),
    Column("role", Text(), nullable=False, server_default=text("'CLIENT'")),
    # These two break a tie between two snapshots of one version: see merge/statements.py.
    Column("event_at", BigInteger(), nullable=False, server_default=text("0")),
    Column("content_digest", Text(), nullable=False, server_default=text("''")),
    Column("deleted_at", _INSTANT),
    Column("synced_at", _INSTANT, nullable=False, server_default=NOW),
    Column("created_at", _INSTANT, nullable=False, server_default=NOW),
    CheckConstraint("role IN ('CLIENT', 'ADMIN')", name="role"),
    UniqueConstraint("clerk_id"),
    Index("ix_users_email_lower", text("lower(email)")),
    Index("ix_users_clerk_created_at", "clerk_created_at"),
)


class MirrorBinding(Base):
    """The one Clerk instance that this mirror copies: one row or none."""

    __tablename__ = "mirror_binding"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    instance_id: Mapped[str]
    bound_by: Mapped[str]
    bound_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WebhookEvent(Base):
    """One delivery id and its outcome. The payload is kept only while the event is parked."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index("ix_webhook_events_received_at", "received_at"),
        Index("ix_webhook_events_clerk_id", "clerk_id"),
        Index("ix_webhook_events_parked", "received_at", postgresql_where=text("outcome = 'parked'")),
    )

    svix_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str | None]
    clerk_id: Mapped[str | None]
    instance_id: Mapped[str | None]
    event_at: Mapped[int] = mapped_column(server_default=text("0"))
    outcome: Mapped[str]
    reason: Mapped[str | None]
    deliveries: Mapped[int] = mapped_column(server_default=text("1"))
    received_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_received_at: Mapped[datetime] = mapped_column(server_default=NOW)
    # Text, because PostgreSQL's json refuses some bodies that are parked.
    payload: Mapped[str | None]


class SyncRun(Base):
    """One run of sync: its lease while it runs, its report when it has ended."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        CheckConstraint("status IN ('running', 'done', 'failed', 'refused', 'interrupted', 'lost')", name="status"),
        Index("uq_sync_runs_running", "status", unique=True, postgresql_where=text("status = 'running'")),
        Index("ix_sync_runs_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'running'"))
    instance_id: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]
    cursor: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    seen: Mapped[int] = mapped_column(server_default=text("0"))
    inserted: Mapped[int] = mapped_column(server_default=text("0"))
    updated: Mapped[int] = mapped_column(server_default=text("0"))
    unchanged: Mapped[int] = mapped_column(server_default=text("0"))
    stale: Mapped[int] = mapped_column(server_default=text("0"))
    deleted: Mapped[int] = mapped_column(server_default=text("0"))
    failed: Mapped[int] = mapped_column(server_default=text("0"))
    reason: Mapped[str | None]


class SyncMissing(Base):
    """Users that Clerk did not find by id during a run. At its end the run deletes all of them, or none."""

    __tablename__ = "sync_missing"

    run_id: Mapped[int] = mapped_column(ForeignKey("sync_runs.id"), primary_key=True)
    clerk_id: Mapped[str] = mapped_column(primary_key=True)


class RoleChange(Base):
    """Changes of roles. Only a trigger writes it."""

    __tablename__ = "role_changes"
    __table_args__ = (Index("ix_role_changes_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    clerk_id: Mapped[str]
    old_role: Mapped[str | None]
    new_role: Mapped[str]
    changed_by: Mapped[str]
    application_name: Mapped[str]
    client_address: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=NOW)


_CLASSES = (MirrorBinding, WebhookEvent, SyncRun, SyncMissing, RoleChange)
MIRROR_TABLES = {users.name, *(class_.__tablename__ for class_ in _CLASSES), "clerk_sync_version"}
"""What the mirror's migrations create. The shop's tables are in the same metadata."""
