"""The inbox: one row for each delivery id. It makes deliveries visible and parked ones replayable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import LiteralString, Self

from clerk_sync.clerk.events import Event, Unhandled, Unmappable, UserChanged, UserDeleted
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.mirror.sql import RECORD
from clerk_sync.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be written."""

    svix_id: str
    type: str | None
    clerk_id: str | None
    instance_id: str | None
    event_at: int
    outcome: Outcome
    reason: str | None
    payload: str | None

    @classmethod
    def of(cls, delivery: SignedDelivery, event: Event, outcome: Outcome, reason: str | None) -> Self:
        """Return the row for ``delivery``; only what is parked keeps its payload."""
        return cls(
            svix_id=delivery.id,
            type=event.envelope.type,
            clerk_id=_clerk_id_of(event),
            instance_id=event.envelope.instance_id,
            event_at=event.envelope.occurred_at_ms,
            outcome=outcome,
            reason=reason,
            payload=delivery.body.decode() if outcome is Outcome.PARKED else None,
        )


def _clerk_id_of(event: Event) -> str | None:
    match event:
        case UserChanged(_, snapshot):
            return snapshot.clerk_id
        case UserDeleted(_, clerk_id) | Unmappable(_, clerk_id, _):
            return clerk_id
        case Unhandled():
            return None


_RECORD = RECORD.format(**{name: f"%({name})s" for name in Entry.__dataclass_fields__})


def record(transaction: Transaction, entry: Entry) -> bool:
    """Write ``entry`` and return whether this delivery id was there before."""
    ((seen_before,),) = transaction.rows(_RECORD, asdict(entry))
    return bool(seen_before)


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that waits for code that understands it."""

    svix_id: str
    payload: str


WAITING = "outcome = 'parked' AND payload IS NOT NULL"
"""What waits for replay: a parked event whose payload was pruned does not any more."""

_FIND_PARKED: LiteralString = f"""
SELECT svix_id, payload FROM webhook_events
WHERE {WAITING} AND (CAST(%(svix_ids)s AS text[]) IS NULL OR svix_id = ANY(%(svix_ids)s))
ORDER BY received_at, svix_id
"""


def find_parked(transaction: Transaction, svix_ids: Sequence[str] | None = None) -> list[Parked]:
    """Return what is parked, oldest first; only ``svix_ids`` where they are given."""
    rows = transaction.rows(_FIND_PARKED, {"svix_ids": list(svix_ids) if svix_ids is not None else None})
    return [Parked(*row) for row in rows]


_SETTLE: LiteralString = """
UPDATE webhook_events
SET outcome = %(outcome)s, reason = %(reason)s, type = %(type)s, clerk_id = %(clerk_id)s, payload = %(payload)s
WHERE svix_id = %(svix_id)s AND outcome = 'parked'
"""


def settle(transaction: Transaction, entry: Entry) -> None:
    """Write what became of a parked delivery that was applied again; it was not received again."""
    transaction.rows(_SETTLE, asdict(entry))


_PRUNE: LiteralString = """
UPDATE webhook_events SET payload = NULL
WHERE payload IS NOT NULL AND received_at < now() - CAST(%(older_than)s AS interval)
RETURNING svix_id
"""


def prune_payloads(transaction: Transaction, older_than: timedelta) -> int:
    """Empty the payloads that arrived longer than ``older_than`` ago and return how many there were."""
    return len(transaction.rows(_PRUNE, {"older_than": older_than}))
