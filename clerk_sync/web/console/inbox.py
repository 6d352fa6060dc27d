"""Deliveries: all of them, the parked ones, one with its payload, and replay."""

from __future__ import annotations

import logging
import time

import msgspec
from flask import Blueprint, Response, url_for

from clerk_sync.mirror.inbox import queries
from clerk_sync.mirror.inbox.apply import replay
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.inbox.parked import find_parked
from clerk_sync.mirror.inbox.queries import Delivery, DeliveryKey, Payload
from clerk_sync.mirror.reporting import status
from clerk_sync.services import services
from clerk_sync.web import auth
from clerk_sync.web.console import rendering
from clerk_sync.web.console.flash import Notice, Tone, flash
from clerk_sync.web.pagination import cursor_of, read_cursor, read_limit
from clerk_sync.web.problems import Problem

log = logging.getLogger(__name__)

inbox = Blueprint("inbox", __name__)

PER_PAGE = 50
MOST_CHARACTERS = 100_000
TIME_FOR_ALL_S = 10.0
AT_ONCE = 20


@inbox.get("/parked")
def list_parked() -> Response:
    """Show the parked deliveries, newest first, with the reason."""
    return _list(only_parked=True)


@inbox.get("/events")
def list_events() -> Response:
    """Show every delivery, newest first."""
    return _list(only_parked=False)


@inbox.get("/events/<foreign_id:svix_id>")
def show_event(svix_id: str) -> Response:
    """Show one delivery, with its payload if it is still stored."""
    delivery = _get_delivery(svix_id)
    payload = queries.find_payload(services().pool, svix_id, characters=MOST_CHARACTERS)
    return rendering.show(
        "console/event.html",
        delivery=delivery,
        payload=payload,
        payload_text=_indent_json(payload) if payload else None,
        is_cut=payload is not None and len(payload.text) >= MOST_CHARACTERS,
    )


@inbox.post("/events/<foreign_id:svix_id>/replay")
def replay_event(svix_id: str) -> Response:
    """Apply one parked delivery again."""
    delivery = _get_delivery(svix_id)
    outcomes = _replay([svix_id])
    at = url_for("clerk_sync_console.inbox.show_event", svix_id=svix_id)
    if not outcomes:
        notice = Notice(Tone.MIXED, f"Nothing to replay: the event is {delivery.outcome}, or its payload was deleted.")
    elif outcomes == [Outcome.PARKED]:
        notice = Notice(Tone.BAD, "Replayed and parked again: it still cannot be mapped. See the reason below.")
    else:
        notice = Notice(Tone.GOOD, f"Replayed: {outcomes[0]}.")
    return flash(notice, at)


@inbox.post("/parked/replay")
def replay_all() -> Response:
    """Apply the parked deliveries again, as many as fit into TIME_FOR_ALL_S."""
    deadline = time.monotonic() + TIME_FOR_ALL_S
    done = still_parked = 0
    after: DeliveryKey | None = None
    while True:
        found, after = queries.list_deliveries(services().pool, after=after, limit=AT_ONCE, only_parked=True)
        outcomes = _replay([each.svix_id for each in found])
        done += len(outcomes)
        still_parked += outcomes.count(Outcome.PARKED)
        if after is None or time.monotonic() >= deadline:
            break
    at = url_for("clerk_sync_console.inbox.list_parked")
    text = f"{done:,} replayed, {still_parked:,} of them parked again."
    if after is not None:
        text += " The time limit ended the replay. Run `flask sync-clerk replay` for the older ones."
    return flash(Notice(Tone.MIXED if still_parked or after else Tone.GOOD, text), at)


def _list(*, only_parked: bool) -> Response:
    pool = services().pool
    found, next_key = queries.list_deliveries(
        pool, after=read_cursor(DeliveryKey), limit=read_limit(PER_PAGE), only_parked=only_parked
    )
    return rendering.show(
        "console/parked.html" if only_parked else "console/events.html",
        deliveries=found,
        next_cursor=cursor_of(next_key),
        parked=status.count_parked(pool).number,
    )


def _replay(svix_ids: list[str]) -> list[Outcome]:
    """Apply those of ``svix_ids`` that are parked, each in its own transaction, and return their outcomes."""
    pool = services().pool
    outcomes = []
    for parked in find_parked(pool, svix_ids):
        replayed = replay(pool, parked)
        outcomes.append(replayed.outcome)
        by = auth.claims().user_id
        log.info("replayed", extra={"svix_id": replayed.svix_id, "outcome": replayed.outcome, "by": by})
    return outcomes


def _get_delivery(svix_id: str) -> Delivery:
    delivery = queries.find_delivery(services().pool, svix_id)
    if delivery is None:
        raise Problem(404, "event-unknown", "There is no delivery with this id.")
    return delivery


def _indent_json(payload: Payload) -> str:
    """Return the payload indented if it is complete JSON, else unchanged."""
    try:
        return msgspec.json.format(payload.text.encode(), indent=2).decode()
    except (ValueError, RecursionError):
        return payload.text
