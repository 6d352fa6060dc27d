"""Queries of the inbox for the console: a page of deliveries, newest first, or one delivery with its payload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, LiteralString, NamedTuple, Self

from msgspec import Meta

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.parked import WAITING


class Delivery(NamedTuple):
    """One row of the inbox without its payload. ``event_at`` is in Clerk's milliseconds, 0 if unknown."""

    svix_id: str
    type: str | None
    clerk_id: str | None
    instance_id: str | None
    event_at: int
    outcome: str
    reason: str | None
    deliveries: int
    received_at: datetime
    last_received_at: datetime


class DeliveryKey(NamedTuple):
    """The position of a delivery in the list of all."""

    # UTC without an offset: PostgreSQL refuses some offsets that a forged key could have.
    received_at: Annotated[datetime, Meta(tz=False)]
    svix_id: Annotated[str, Meta(pattern=r"^[^\x00]*$")]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(delivery.received_at.astimezone(UTC).replace(tzinfo=None), delivery.svix_id)


class DeliveriesFound(NamedTuple):
    """One page of deliveries. ``next_key`` gets the next page; None on the last page."""

    deliveries: list[Delivery]
    next_key: DeliveryKey | None


_COLUMNS: LiteralString = ", ".join(Delivery._fields)
_FIRST = DeliveryKey(datetime.max, "")  # noqa: DTZ901 - keys are UTC without an offset


def _page_of(condition: LiteralString) -> LiteralString:
    # The first comparison lets PostgreSQL use the index. The second also orders rows of one instant.
    return f"""
        SELECT {_COLUMNS} FROM webhook_events
        WHERE {condition} AND received_at <= CAST(%(received_at)s AS timestamp) AT TIME ZONE 'UTC'
          AND (received_at, svix_id) < (CAST(%(received_at)s AS timestamp) AT TIME ZONE 'UTC', %(svix_id)s)
        ORDER BY received_at DESC, svix_id DESC LIMIT %(rows)s
    """


_LIST = _page_of("true")
_LIST_PARKED = _page_of(WAITING)
_FIND: LiteralString = f"SELECT {_COLUMNS} FROM webhook_events WHERE svix_id = %(svix_id)s"
_FIND_PAYLOAD: LiteralString = """
SELECT left(payload, %(characters)s), octet_length(payload) FROM webhook_events WHERE svix_id = %(svix_id)s
"""


def list_deliveries(
    transaction: SqlExecutor, *, after: DeliveryKey | None, limit: int, only_parked: bool = False
) -> DeliveriesFound:
    """Return up to ``limit`` deliveries after ``after``, newest first."""
    statement = _LIST_PARKED if only_parked else _LIST
    rows = transaction.fetch_all(statement, {**(after or _FIRST)._asdict(), "rows": limit + 1})
    found = [Delivery(*row) for row in rows[:limit]]
    return DeliveriesFound(found, DeliveryKey.of(found[-1]) if len(rows) > limit else None)


def find_delivery(transaction: SqlExecutor, svix_id: str) -> Delivery | None:
    """Return one delivery, or None."""
    rows = transaction.fetch_all(_FIND, {"svix_id": svix_id})
    return Delivery(*rows[0]) if rows else None


class Payload(NamedTuple):
    """The beginning of a payload, and the length of the whole."""

    text: str
    length_bytes: int


def find_payload(transaction: SqlExecutor, svix_id: str, *, characters: int) -> Payload | None:
    """Return up to ``characters`` of the payload, or None if none is stored."""
    rows = transaction.fetch_all(_FIND_PAYLOAD, {"svix_id": svix_id, "characters": characters})
    return Payload(*rows[0]) if rows and rows[0][0] is not None else None
