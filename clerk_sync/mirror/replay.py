"""Parked deliveries, applied again: by code that understands them now, or to a mirror that is ready for them now."""

from __future__ import annotations

from typing import NamedTuple

from clerk_sync.clerk.events import parse_event
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror import inbox
from clerk_sync.mirror.apply import apply_event
from clerk_sync.mirror.inbox import Entry, Parked
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.transactions import Transaction


class Replayed(NamedTuple):
    """What became of one parked delivery this time."""

    svix_id: str
    outcome: Outcome
    reason: str | None


def replay(transaction: Transaction, parked: Parked) -> Replayed:
    """Apply a parked delivery and write down the result; it stays parked where it still cannot be mapped."""
    # It was proved when it arrived; nothing is parked that was not.
    delivery = SignedDelivery(parked.svix_id, 0, parked.payload.encode())
    event = parse_event(delivery)
    outcome, reason = apply_event(transaction, event)
    inbox.settle(transaction, Entry.of(delivery, event, outcome, reason))
    return Replayed(parked.svix_id, outcome, reason)
