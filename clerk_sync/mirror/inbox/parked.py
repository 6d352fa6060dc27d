"""Parked deliveries, and which deliveries count as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor


@dataclass(frozen=True, slots=True)
class Parked:
    """A signed delivery that this code could not map. It waits for a replay by newer code."""

    svix_id: str
    payload: str


SELF_TEST = "clerk_sync.self_test"
"""The event type that the doctor sends to test the webhook route. Clerk never sends it."""

FROM_CLERK: LiteralString = f"type IS DISTINCT FROM '{SELF_TEST}'"
"""The condition for a delivery that counts as an event: every one except the doctor's self-test."""

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
"""The condition for an event that waits for replay. Without its payload it cannot be replayed."""

_FIND_PARKED: LiteralString = f"""
SELECT svix_id, payload FROM webhook_events
WHERE {WAITING} AND (CAST(%(svix_ids)s AS text[]) IS NULL OR svix_id = ANY(%(svix_ids)s))
ORDER BY received_at, svix_id
"""


def find_parked(executor: SqlExecutor, svix_ids: Sequence[str] | None = None) -> list[Parked]:
    """Return the parked deliveries, oldest first; only those of ``svix_ids`` if given."""
    rows = executor.fetch_all(_FIND_PARKED, {"svix_ids": list(svix_ids) if svix_ids is not None else None})
    return [Parked(*row) for row in rows]


_PRUNE: LiteralString = """
UPDATE webhook_events SET payload = NULL
WHERE payload IS NOT NULL AND received_at < now() - CAST(%(older_than)s AS interval)
RETURNING svix_id
"""


def prune_payloads(transaction: SqlExecutor, older_than: timedelta) -> int:
    """Delete payloads that arrived longer than ``older_than`` ago. Return their number."""
    return len(transaction.fetch_all(_PRUNE, {"older_than": older_than}))
