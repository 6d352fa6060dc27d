"""The inbox: one row for each delivery id. It makes deliveries visible and parked ones replayable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that waits for code that understands it."""

    svix_id: str
    payload: str


SELF_TEST = "clerk_sync.self_test"
"""The type of the event with which the doctor tests the webhook route. Clerk has not sent it."""

FROM_CLERK: LiteralString = f"type IS DISTINCT FROM '{SELF_TEST}'"
"""What counts as an event: every delivery but the doctor's self-test."""

LAST_EVENT: LiteralString = f"""
SELECT type, outcome, received_at, now() - received_at AS age
FROM webhook_events WHERE {FROM_CLERK} ORDER BY received_at DESC LIMIT 1
"""


class LastEvent(NamedTuple):
    """The newest event in the inbox."""

    type: str | None
    outcome: str
    received_at: datetime
    age: timedelta


def find_last_event(transaction: SqlExecutor) -> LastEvent | None:
    """Return the newest event, or None if none has ever arrived."""
    rows = transaction.fetch_all(LAST_EVENT)
    return LastEvent(*rows[0]) if rows else None


WAITING: LiteralString = "outcome = 'parked' AND payload IS NOT NULL"
"""What waits for replay: a parked event whose payload was pruned does not any more."""

_FIND_PARKED: LiteralString = f"""
SELECT svix_id, payload FROM webhook_events
WHERE {WAITING} AND (CAST(%(svix_ids)s AS text[]) IS NULL OR svix_id = ANY(%(svix_ids)s))
ORDER BY received_at, svix_id
"""


def find_parked(executor: SqlExecutor, svix_ids: Sequence[str] | None = None) -> list[Parked]:
    """Return what is parked, oldest first; only ``svix_ids`` where they are given."""
    rows = executor.fetch_all(_FIND_PARKED, {"svix_ids": list(svix_ids) if svix_ids is not None else None})
    return [Parked(*row) for row in rows]


_PRUNE: LiteralString = """
UPDATE webhook_events SET payload = NULL
WHERE payload IS NOT NULL AND received_at < now() - CAST(%(older_than)s AS interval)
RETURNING svix_id
"""


def prune_payloads(transaction: SqlExecutor, older_than: timedelta) -> int:
    """Empty the payloads that arrived longer than ``older_than`` ago and return how many there were."""
    return len(transaction.fetch_all(_PRUNE, {"older_than": older_than}))
