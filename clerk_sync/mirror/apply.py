"""Events into the mirror: the effect and its inbox row, in one transaction."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from msgspec.structs import astuple

from clerk_sync.clerk.events import Event, Unhandled, Unmappable, UserChanged, UserDeleted, parse_event
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror.inbox import Parked
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.statements import Prepared, Statements

_TAKE: LiteralString = """
SELECT * FROM take_event(
    %(delivery_id)s, %(type)s, %(instance_id)s, %(occurred_at)s,
    %(effect)s, %(subject)s, CAST(%(snapshot)s AS user_snapshot), %(why)s, %(body)s, {again}
)
"""
_RECEIVE = Prepared(
    "receive",
    _TAKE.format(again="false"),
    ["delivery_id", "type", "instance_id", "occurred_at", "effect", "subject", "snapshot", "why", "body"],
)
_REPLAY = _TAKE.format(again="true")


class Replayed(NamedTuple):
    """What became of one parked delivery this time."""

    svix_id: str
    outcome: Outcome
    reason: str | None


def receive(statements: Statements, delivery: SignedDelivery, event: Event) -> Outcome:
    """Apply ``event`` and leave a row for ``delivery`` in the inbox, in one transaction; return what happened.

    The inbox does not decide: a delivery that was completed before runs through the merge again and may repair a row.
    """
    outcome, _, seen_before = _take(statements, _RECEIVE, delivery, event)
    return Outcome.DUPLICATE if seen_before and outcome in _CHANGES_NOTHING else outcome


def replay(statements: Statements, parked: Parked) -> Replayed:
    """Apply a parked delivery and write down the result; it stays parked where it still cannot be mapped.

    By code that understands it now, or to a mirror that is ready for it now. The same decisions, one transaction.
    """
    # It was proved when it arrived; nothing is parked that was not.
    delivery = SignedDelivery(parked.svix_id, 0, parked.payload.encode())
    outcome, reason, _ = _take(statements, _REPLAY, delivery, parse_event(delivery))
    return Replayed(parked.svix_id, outcome, reason)


_CHANGES_NOTHING = (Outcome.UNCHANGED, Outcome.STALE, Outcome.IGNORED)


def _take(
    statements: Statements, statement: LiteralString | Prepared, delivery: SignedDelivery, event: Event
) -> tuple[Outcome, str | None, bool | None]:
    envelope = event.envelope
    values = {
        "delivery_id": delivery.id,
        "type": envelope.type,
        "instance_id": envelope.instance_id,
        "occurred_at": envelope.occurred_at_ms,
        "body": None,
        **_effect_of(delivery, event),
    }
    ((outcome, reason, seen_before),) = statements.rows(statement, values)
    return Outcome(outcome), reason, seen_before


def _effect_of(delivery: SignedDelivery, event: Event) -> dict[str, object]:
    effect: dict[str, object] = {"effect": Outcome.IGNORED, "subject": None, "snapshot": None, "why": None}
    match event:
        case UserChanged(_, snapshot):
            return effect | {"effect": "changed", "subject": snapshot.clerk_id, "snapshot": astuple(snapshot)}
        case UserDeleted(_, clerk_id):
            return effect | {"effect": "deleted", "subject": clerk_id}
        case Unmappable(_, clerk_id, reason):
            body = delivery.body.decode()
            return effect | {"effect": Outcome.PARKED, "subject": clerk_id, "why": reason, "body": body}
        case Unhandled():
            return effect
