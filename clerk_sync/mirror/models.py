"""The mirror's tables. The role wall and its audit are triggers; they live in the migrations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

NOW = func.now()


class Base(DeclarativeBase):
    """The root of every table; the mirror owns it because everything else joins to the mirror."""

    # A registry of its own, because Flask-SQLAlchemy builds its model class on a copy of this one's attributes.
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


class User(Base):
    """Clerk's user as last heard of, or the tombstone of one who is gone."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('CLIENT', 'ADMIN')", name="role"),
        Index("ix_users_email_lower", text("lower(email)")),
        Index("ix_users_clerk_created_at", "clerk_created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    clerk_id: Mapped[str] = mapped_column(unique=True)
    # Nullable and never unique: an address moves to a new id after a deletion, and events of both ids cross.
    email: Mapped[str | None]
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    username: Mapped[str | None]
    image_url: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default=text("'CLIENT'"))
    banned: Mapped[bool] = mapped_column(server_default=text("false"))
    clerk_created_at: Mapped[int] = mapped_column(server_default=text("0"))
    clerk_updated_at: Mapped[int] = mapped_column(server_default=text("0"))
    # What breaks a tie between two snapshots of one millisecond: see store.merge_users.
    event_at: Mapped[int] = mapped_column(server_default=text("0"))
    content_digest: Mapped[str] = mapped_column(server_default=text("''"))
    deleted_at: Mapped[datetime | None]
    synced_at: Mapped[datetime] = mapped_column(server_default=NOW)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class MirrorBinding(Base):
    """The one Clerk instance that this mirror copies; a single row or none."""

    __tablename__ = "mirror_binding"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    instance_id: Mapped[str]
    bound_by: Mapped[str]
    bound_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WebhookEvent(Base):
    """One delivery id and what became of it. The payload stays only while the event is parked."""

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
    # Text, not json: a parked body may be what PostgreSQL's json refuses.
    payload: Mapped[str | None]


class SyncRun(Base):
    """One run of sync: the lease while it runs, the report when it is over."""

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
    """Users whom Clerk, asked by id during a run, no longer knew; the run deletes all of them at its end, or none."""

    __tablename__ = "sync_missing"

    run_id: Mapped[int] = mapped_column(ForeignKey("sync_runs.id"), primary_key=True)
    clerk_id: Mapped[str] = mapped_column(primary_key=True)


class RoleChange(Base):
    """Who changed whose role; written by a trigger, never by us."""

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
