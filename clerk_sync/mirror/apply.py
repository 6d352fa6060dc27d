"""Events into the mirror: the effect and its inbox row, in one transaction."""

from __future__ import annotations

from typing import LiteralString

from msgspec.structs import astuple

from clerk_sync.clerk.events import Event, Unhandled, Unmappable, UserChanged, UserDeleted
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror import binding
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.mirror.store import Merged, bury_users, merge_users
from clerk_sync.statements import Statements
from clerk_sync.transactions import Transaction

_RECEIVE: LiteralString = """
SELECT * FROM receive_event(
    %(delivery_id)s, %(type)s, %(instance_id)s, %(occurred_at)s,
    %(effect)s, %(subject)s, CAST(%(snapshot)s AS user_snapshot), %(why)s, %(body)s
)
"""


def receive(statements: Statements, delivery: SignedDelivery, event: Event) -> Outcome:
    """Apply ``event`` and leave a row for ``delivery`` in the inbox, in one transaction; return what happened.

    The inbox does not decide: a delivery that was completed before runs through the merge again and may repair a row.
    """
    envelope = event.envelope
    values = {
        "delivery_id": delivery.id,
        "type": envelope.type,
        "instance_id": envelope.instance_id,
        "occurred_at": envelope.occurred_at_ms,
        "body": None,
        **_effect_of(delivery, event),
    }
    ((outcome, seen_before),) = statements.rows(_RECEIVE, values)
    return Outcome.DUPLICATE if seen_before and outcome in _CHANGES_NOTHING else Outcome(outcome)


_CHANGES_NOTHING = (Outcome.UNCHANGED, Outcome.STALE, Outcome.IGNORED)


def _effect_of(delivery: SignedDelivery, event: Event) -> dict[str, object]:
    effect: dict[str, object] = {"effect": Outcome.IGNORED, "subject": None, "snapshot": None, "why": None}
    match event:
        case UserChanged(_, snapshot):
            return effect | {"effect": "changed", "subject": snapshot.clerk_id, "snapshot": astuple(snapshot)}
        case UserDeleted(_, clerk_id):
            return effect | {"effect": "deleted", "subject": clerk_id}
        case Unmappable(_, clerk_id, reason):
            # Only what is parked keeps its payload.
            body = delivery.body.decode()
            return effect | {"effect": Outcome.PARKED, "subject": clerk_id, "why": reason, "body": body}
        case Unhandled():
            return effect


def apply_event(transaction: Transaction, event: Event) -> tuple[Outcome, str | None]:
    """Apply ``event`` to the users and return what happened, with the reason where it did not."""
    instance_id = event.envelope.instance_id
    if instance_id is not None:
        bound = binding.bind(transaction, instance_id, bound_by="webhook")
        if bound != instance_id:
            return Outcome.FOREIGN, f"from {instance_id}; this mirror is bound to {bound}"
    match event:
        case UserChanged(envelope, snapshot):
            merged = merge_users(transaction, [snapshot], event_at=envelope.occurred_at_ms)[snapshot.clerk_id]
            return _MERGED[merged], None
        case UserDeleted(_, clerk_id):
            return (Outcome.APPLIED if bury_users(transaction, [clerk_id]) else Outcome.STALE), None
        case Unmappable(_, _, reason):
            return Outcome.PARKED, reason
        case Unhandled():
            return Outcome.IGNORED, None


_MERGED = {
    Merged.INSERTED: Outcome.APPLIED,
    Merged.UPDATED: Outcome.APPLIED,
    Merged.UNCHANGED: Outcome.UNCHANGED,
    Merged.STALE: Outcome.STALE,
}
