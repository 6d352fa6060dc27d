"""Events into the mirror: the effect and its inbox row, in the caller's one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session

from clerk_sync.clerk.events import Event, Unhandled, Unmappable, UserChanged, UserDeleted
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror import binding, inbox
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.mirror.store import Merged, bury_users, merge_users


def receive(session: Session, delivery: SignedDelivery, event: Event) -> Outcome:
    """Apply ``event``, leave a row for ``delivery`` in the inbox, and return what happened.

    The inbox does not decide: a delivery that was completed before runs through the merge again and may repair a row.
    """
    outcome, reason = _outcome_of(session, event)
    seen_before = inbox.record(session, inbox.Entry.of(delivery, event, outcome, reason))
    repeats = outcome in (Outcome.UNCHANGED, Outcome.STALE, Outcome.IGNORED)
    return Outcome.DUPLICATE if seen_before and repeats else outcome


def _outcome_of(session: Session, event: Event) -> tuple[Outcome, str | None]:
    instance_id = event.envelope.instance_id
    if instance_id is not None:
        bound = binding.bind(session, instance_id, bound_by="webhook")
        if bound != instance_id:
            return Outcome.FOREIGN, f"from {instance_id}; this mirror is bound to {bound}"
    match event:
        case UserChanged(envelope, snapshot):
            merged = merge_users(session, [snapshot], event_at=envelope.occurred_at_ms)[snapshot.clerk_id]
            return _MERGED[merged], None
        case UserDeleted(_, clerk_id):
            return (Outcome.APPLIED if bury_users(session, [clerk_id]) else Outcome.STALE), None
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
