"""Events into the mirror: effects and their inbox rows, in one transaction."""

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
    SELECT * FROM json_to_recordset(CAST(%(arrivals)s AS json)) AS arrival (
        place int, delivery_id text, event_type text, instance text, occurred_at bigint,
        effect text, subject text, snapshot user_snapshot, why text, body text
    )
    ORDER BY subject, delivery_id  -- two transactions lock in one order, or they deadlock
) AS arrival CROSS JOIN LATERAL take_event(
    arrival.delivery_id, arrival.event_type, arrival.instance, arrival.occurred_at,
    arrival.effect, arrival.subject, arrival.snapshot, arrival.why, arrival.body, {again}
) AS taken
"""
_RECEIVE = PreparedStatement("receive", _TAKE.format(again="false"), ["arrivals"])
_RECEIVE_GROUP = PreparedStatement(
    "receive", _TAKE.format(again="false"), ["arrivals"], preamble="SET LOCAL lock_timeout = '100ms'"
)
_REPLAY: LiteralString = _TAKE.format(again="true")

_encode = Encoder().encode


class InboundEvent(Struct, gc=False):
    """What a delivery asks of the mirror, in the words of the database's ``take_event``."""

    delivery_id: str
    event_type: str | None
    instance: str | None
    occurred_at: int
    effect: str  # changed, deleted; or the outcome of what has no effect on users
    subject: str | None = None
    snapshot: UserSnapshot | None = None
    why: str | None = None
    body: str | None = None
    place: int = 0

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
                # PostgreSQL's text is UTF-8. The decoder reads broken bytes as the same U+FFFD.
                arrival.body = delivery.body.decode(errors="replace")
            case Unhandled():
                pass
        return arrival


class ApplyResult(NamedTuple):
    """What became of one delivery; ``seen_before`` where its id was in the inbox already."""

    outcome: Outcome
    reason: str | None
    seen_before: bool | None


class Replayed(NamedTuple):
    """What became of one parked delivery this time."""

    svix_id: str
    outcome: Outcome
    reason: str | None


def apply_one(pool: ConnectionPool, arrival: InboundEvent) -> ApplyResult:
    """Give ``arrival`` its effect and leave a row for it in the inbox, in one transaction; return what happened.

    The inbox does not decide: a delivery that was completed before runs through the merge again and may repair a row.
    """
    return _results(pool.fetch_all(_RECEIVE, _values([arrival])))[0]


def apply_batch(pool: ConnectionPool, arrivals: Sequence[InboundEvent]) -> list[ApplyResult]:
    """Take all of ``arrivals``, or none, in one transaction; return what happened to each.

    None are taken where one is at fault, or has to wait for a lock for more than a moment.
    """
    return _results(pool.fetch_all(_RECEIVE_GROUP, _values(arrivals)))


def replay(executor: SqlExecutor, parked: Parked) -> Replayed:
    """Apply a parked delivery and write down the result; it stays parked where it still cannot be mapped.

    By code that understands it now, or to a mirror that is ready for it now. The same decisions, one transaction.
    """
    # It was proved when it arrived; nothing is parked that was not.
    delivery = VerifiedDelivery(parked.svix_id, 0, parked.payload.encode())
    (taken,) = _results(executor.fetch_all(_REPLAY, _values([InboundEvent.of(delivery, parse_event(delivery))])))
    return Replayed(parked.svix_id, taken.outcome, taken.reason)


def _values(arrivals: Sequence[InboundEvent]) -> dict[str, str]:
    for place, arrival in enumerate(arrivals):
        arrival.place = place
    return {"arrivals": _encode(arrivals).decode()}


def _results(rows: list[tuple[Any, ...]]) -> list[ApplyResult]:
    return [ApplyResult(Outcome(outcome), reason, seen_before) for _, outcome, reason, seen_before in sorted(rows)]
