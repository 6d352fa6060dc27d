"""Applies events to the mirror: the effect and the inbox row are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from msgspec import Struct
from msgspec.json import Encoder

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.clerk.webhooks.events import Event, Unhandled, UnusableEvent, UserChanged, UserDeleted, parse_event
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery
from clerk_sync.db.prepared_statement import PreparedStatement
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.inbox.parked import Parked

if TYPE_CHECKING:
    from clerk_sync.db.pool import ConnectionPool

_TAKE: LiteralString = """
SELECT arrival.place, taken.outcome, taken.reason, taken.seen_before
FROM (
    SELECT * FROM jsonb_array_elements(CAST(%(arrivals)s AS jsonb)) WITH ORDINALITY AS arrival (event, place)
    ORDER BY event ->> 'subject', event ->> 'delivery_id'  -- all transactions lock in this order, or they deadlock
) AS arrival CROSS JOIN LATERAL take_event(arrival.event) AS taken
"""
_APPLY = PreparedStatement("apply", _TAKE, ["arrivals"])
# A batch must not wait for a locked row: that would delay deliveries for other users.
_APPLY_BATCH = PreparedStatement("apply", _TAKE, ["arrivals"], preamble="SET LOCAL lock_timeout = '100ms'")

_encode = Encoder().encode


class InboundEvent(Struct, gc=False):
    """One delivery, as the database function ``take_event`` reads it."""

    delivery_id: str
    event_type: str | None
    instance: str | None
    occurred_at: int
    effect: str  # changed or deleted; else the outcome of an event that has no effect on users
    subject: str | None = None
    snapshot: UserSnapshot | None = None
    why: str | None = None
    body: str | None = None
    again: bool = False  # a replay: the delivery was not received again, so it is not counted again

    @classmethod
    def of(cls, delivery: VerifiedDelivery, event: Event) -> InboundEvent:
        envelope = event.envelope
        arrival = cls(delivery.id, envelope.type, envelope.instance_id, envelope.occurred_at_ms, Outcome.IGNORED)
        match event:
            case UserChanged(_, snapshot):
                arrival.effect, arrival.subject, arrival.snapshot = "changed", snapshot.clerk_id, snapshot
            case UserDeleted(_, clerk_id):
                arrival.effect, arrival.subject = "deleted", clerk_id
            case UnusableEvent(_, clerk_id, reason):
                arrival.effect, arrival.subject, arrival.why = Outcome.PARKED, clerk_id, reason
                # PostgreSQL's text is UTF-8. Replay reads the U+FFFD as the decoder reads the broken bytes now.
                arrival.body = delivery.body.decode(errors="replace")
            case Unhandled():
                pass
        return arrival


class ApplyResult(NamedTuple):
    """The outcome of one delivery; ``seen_before`` says whether its id was already in the inbox."""

    outcome: Outcome
    reason: str | None
    seen_before: bool | None


class Replayed(NamedTuple):
    """The outcome of one parked delivery this time."""

    svix_id: str
    outcome: Outcome
    reason: str | None


def apply_one(pool: ConnectionPool, arrival: InboundEvent) -> ApplyResult:
    """Apply ``arrival`` and write its inbox row, in one transaction.

    The inbox decides nothing: a delivery that was completed before is merged again and may repair a row.
    """
    return _results(pool.fetch_all(_APPLY, _values([arrival])))[0]


def apply_batch(pool: ConnectionPool, arrivals: Sequence[InboundEvent]) -> list[ApplyResult]:
    """Apply all of ``arrivals`` in one transaction, or none if one fails or waits for a lock."""
    return _results(pool.fetch_all(_APPLY_BATCH, _values(arrivals)))


def replay(executor: SqlExecutor, parked: Parked) -> Replayed:
    """Apply a parked delivery again and record the outcome; it stays parked if it still cannot be mapped."""
    # Only verified deliveries are parked.
    delivery = VerifiedDelivery(parked.svix_id, 0, parked.payload.encode())
    arrival = InboundEvent.of(delivery, parse_event(delivery))
    arrival.again = True
    (result,) = _results(executor.fetch_all(_TAKE, _values([arrival])))
    return Replayed(parked.svix_id, result.outcome, result.reason)


def _values(arrivals: Sequence[InboundEvent]) -> dict[str, str]:
    return {"arrivals": _encode(arrivals).decode()}


def _results(rows: list[tuple[Any, ...]]) -> list[ApplyResult]:
    return [ApplyResult(Outcome(outcome), reason, seen_before) for _, outcome, reason, seen_before in sorted(rows)]
