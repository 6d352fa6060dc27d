"""What the database knows about the mirror, as numbers to watch."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class Gauge(NamedTuple):
    """One number of now."""

    name: str
    help: str
    value: float


_GAUGES = text("""
SELECT
    (SELECT count(*) FROM webhook_events WHERE outcome = 'parked'),
    (SELECT extract(epoch FROM now() - max(last_received_at)) FROM webhook_events),
    (SELECT extract(epoch FROM now() - max(ended_at)) FROM sync_runs WHERE status = 'done'),
    (SELECT count(*) FROM sync_runs WHERE status = 'running')
""")
_NAMES = (
    ("webhooks_parked", "Events that wait for replay"),
    ("last_event_age_seconds", "Since the last signed delivery"),
    ("last_sync_age_seconds", "Since the last run of sync that came to its end"),
    ("sync_running", "Runs of sync under way"),
)
_RUN = text("""
SELECT seen, inserted, updated, unchanged, stale, deleted, failed FROM sync_runs ORDER BY id DESC LIMIT 1
""")


def mirror_gauges(session: Session) -> list[Gauge]:
    """Return the gauges that have a value: an age needs something that happened."""
    values = session.execute(_GAUGES).one()
    gauges = [
        Gauge(name, help_, float(value))
        for (name, help_), value in zip(_NAMES, values, strict=True)
        if value is not None
    ]
    run = session.execute(_RUN).mappings().one_or_none()
    counts = run.items() if run else ()
    return gauges + [Gauge(f"last_sync_{name}_users", f"Users {name} in the last run of sync", n) for name, n in counts]
