"""The panel's data: the user's row, deliveries about them, counts of what they own, and the newest sync run."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.mirror.inbox.queries import Delivery
from clerk_sync.mirror.reporting.run_queries import RunReport, list_runs
from clerk_sync.mirror.reporting.user_history import find_mirrored_user, list_events_of
from clerk_sync.mirror.reporting.user_queries import MirroredUser
from clerk_sync.services import services
from clerk_sync.shop.db import db
from clerk_sync.shop.store.ownership import OwnedRows, count_owned_rows
from clerk_sync.web import auth
from clerk_sync.web.responses import Instant, json_response

MOST_EVENTS = 20

panel = auth.guard(Blueprint("storefront_panel", __name__, url_prefix="/storefront"))


class Row(Struct):
    """The user's row; ``version`` is Clerk's ``updated_at`` in milliseconds, 0 before the first data from Clerk."""

    id: int
    clerk_id: str
    version: int
    email: str | None
    first_name: str | None
    last_name: str | None
    role: str
    banned: bool
    deleted_at: Instant | None
    created_at: Instant
    synced_at: Instant


class Event(Struct):
    """One delivery; ``lag_ms`` is from the event at Clerk to its arrival here, None if the event has no time."""

    svix_id: str
    type: str | None
    outcome: str
    reason: str | None
    deliveries: int
    received_at: Instant
    lag_ms: float | None


class Run(Struct):
    """One sync run."""

    id: int
    status: str
    ended_at: Instant | None


class Panel(Struct):
    """All of the panel's data."""

    row: Row | None
    owns: dict[str, int]
    events: list[Event]
    last_run: Run | None


@panel.get("/panel")
def show_panel() -> Response:
    """Show the user's own data. This creates no row and changes nothing."""
    pool, clerk_id = services().pool, auth.claims().user_id
    user = find_mirrored_user(pool, clerk_id)
    owns = count_owned_rows(db.session(), user.id) if user else OwnedRows(0, 0, 0)
    db.session.rollback()  # the pool is asked next: a request holds one connection at a time
    runs = list_runs(pool, after=None, limit=1).runs
    return json_response(
        Panel(
            row=_row(user) if user else None,
            owns=owns._asdict(),
            events=[_event(each) for each in list_events_of(pool, clerk_id, limit=MOST_EVENTS)],
            last_run=_run(runs[0]) if runs else None,
        )
    )


def _row(user: MirroredUser) -> Row:
    return Row(
        id=user.id,
        clerk_id=user.clerk_id,
        version=user.clerk_updated_at,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        role=user.role,
        banned=user.banned,
        deleted_at=user.deleted_at,
        created_at=user.created_at,
        synced_at=user.synced_at,
    )


def _event(delivery: Delivery) -> Event:
    lag_ms = delivery.received_at.timestamp() * 1000 - delivery.event_at if delivery.event_at else None
    return Event(
        svix_id=delivery.svix_id,
        type=delivery.type,
        outcome=delivery.outcome,
        reason=delivery.reason,
        deliveries=delivery.deliveries,
        received_at=delivery.received_at,
        lag_ms=lag_ms,
    )


def _run(run: RunReport) -> Run:
    return Run(id=run.id, status=run.status, ended_at=run.ended_at)
