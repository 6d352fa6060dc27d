"""The inbox: one row for each delivery id. It makes deliveries visible and parked ones replayable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Self

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.clerk.events import Event, Unhandled, Unmappable, UserChanged, UserDeleted
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.mirror.sql import RECORD


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


_RECORD = text(RECORD.format(**{name: f":{name}" for name in Entry.__dataclass_fields__}))


def record(session: Session, entry: Entry) -> bool:
    """Write ``entry`` and return whether this delivery id was there before."""
    return bool(session.scalar(_RECORD, asdict(entry)))


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that waits for code that understands it."""

    svix_id: str
    payload: str


WAITING = "outcome = 'parked' AND payload IS NOT NULL"
"""What waits for replay: a parked event whose payload was pruned does not any more."""

_FIND_PARKED = text(f"""
SELECT svix_id, payload FROM webhook_events
WHERE {WAITING} AND (CAST(:svix_ids AS text[]) IS NULL OR svix_id = ANY(:svix_ids))
ORDER BY received_at, svix_id
""")


def find_parked(session: Session, svix_ids: Sequence[str] | None = None) -> list[Parked]:
    """Return what is parked, oldest first; only ``svix_ids`` where they are given."""
    rows = session.execute(_FIND_PARKED, {"svix_ids": list(svix_ids) if svix_ids is not None else None})
    return [Parked(svix_id, payload) for svix_id, payload in rows]


_SETTLE = text("""
UPDATE webhook_events
SET outcome = :outcome, reason = :reason, type = :type, clerk_id = :clerk_id, payload = :payload
WHERE svix_id = :svix_id AND outcome = 'parked'
""")


def settle(session: Session, entry: Entry) -> None:
    """Write what became of a parked delivery that was applied again; it was not received again."""
    session.execute(_SETTLE, asdict(entry))


_PRUNE = text("""
UPDATE webhook_events SET payload = NULL
WHERE payload IS NOT NULL AND received_at < now() - CAST(:older_than AS interval)
RETURNING svix_id
""")


def prune_payloads(session: Session, older_than: timedelta) -> int:
    """Empty the payloads that arrived longer than ``older_than`` ago and return how many there were."""
    return len(session.execute(_PRUNE, {"older_than": older_than}).all())
