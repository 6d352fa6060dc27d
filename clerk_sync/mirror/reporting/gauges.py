"""The metrics that are read from the database at each scrape, so every worker of every server reports the same.

Each query uses an index or a small table: a scrape every few seconds must not read the whole inbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import LiteralString, NamedTuple

from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.inbox.parked import LAST_EVENT, WAITING


class Sample(NamedTuple):
    """One value of a metric. If ``name`` ends in ``_total``, it is a counter. ``label`` is a label's name and value."""

    name: str
    help: str
    value: float
    label: tuple[str, str] | None = None


_AGES: LiteralString = f"""
SELECT
    (SELECT count(*) FROM webhook_events WHERE {WAITING}),
    (SELECT extract(epoch FROM now() - min(received_at)) FROM webhook_events WHERE {WAITING}),
    (SELECT extract(epoch FROM age) FROM ({LAST_EVENT}) AS last_event),
    (SELECT extract(epoch FROM now() - max(ended_at)) FROM sync_runs WHERE status = 'done' AND kind = 'all'),
    (SELECT count(*) FROM sync_runs WHERE status = 'running'),
    (SELECT extract(epoch FROM now() - heartbeat_at) FROM sync_runs WHERE status = 'running'),
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
"""
_NAMES = (
    ("webhooks_parked", "Events that wait for replay"),
    ("oldest_parked_age_seconds", "Age of the oldest event that waits for replay"),
    ("last_event_age_seconds", "Age of the newest signed delivery, except the doctor's self-test"),
    ("last_sync_age_seconds", "Time since the last finished run of sync over all users"),
    ("sync_running", "Runs of sync that hold the lease: 0 or 1"),
    ("sync_heartbeat_age_seconds", "Age of the last heartbeat of the run that holds the lease"),
    ("database_connections_allowed", "Connections that the database server accepts from all clients together"),
)

_RUNS: LiteralString = "SELECT status, count(*) FROM sync_runs WHERE status <> 'running' GROUP BY status"
_ENDS = ("done", "failed", "refused", "interrupted", "lost")

_RESULTS = ("seen", "inserted", "updated", "unchanged", "stale", "deleted", "failed")
_USERS: LiteralString = f"SELECT {', '.join(f'coalesce(sum({name}), 0) AS {name}' for name in _RESULTS)} FROM sync_runs"
_LAST_USERS: LiteralString = f"""
SELECT {", ".join(_RESULTS)} FROM sync_runs WHERE status = 'done' AND kind = 'all' ORDER BY ended_at DESC LIMIT 1
"""

_CONNECTIONS: LiteralString = """
SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, 'clerk_sync') GROUP BY 1
"""
_STATES = ("active", "idle", "idle in transaction")


def read_mirror(transaction: SqlExecutor) -> Iterator[Sample]:
    """Yield the samples that have a value: without an event, its age has none."""
    (values,) = transaction.fetch_all(_AGES)
    for (name, help_), value in zip(_NAMES, values, strict=True):
        if value is not None:
            yield Sample(name, help_, float(value))

    runs = dict.fromkeys(_ENDS, 0.0) | _pairs(transaction, _RUNS)
    yield from _by_label("sync_runs_total", "Ended runs of sync, by status", "status", runs)

    users = _results(transaction, _USERS)
    yield from _by_label("sync_users_total", "Users in all runs of sync, by result", "result", users)

    last = _results(transaction, _LAST_USERS)
    yield from _by_label("last_sync_users", "Users in the last finished run over all users, by result", "result", last)

    states = dict.fromkeys(_STATES, 0.0) | _pairs(transaction, _CONNECTIONS)
    yield from _by_label("database_connections", "Connections of this service's servers, by state", "state", states)


def _pairs(transaction: SqlExecutor, statement: LiteralString) -> dict[str, float]:
    return {name: float(number) for name, number in transaction.fetch_all(statement)}


def _results(transaction: SqlExecutor, statement: LiteralString) -> dict[str, float]:
    return {
        name: float(number)
        for row in transaction.fetch_all(statement)
        for name, number in zip(_RESULTS, row, strict=True)
    }


def _by_label(name: str, help_: str, label: str, values: Mapping[str, float]) -> Iterator[Sample]:
    for value, number in values.items():
        yield Sample(name, help_, number, (label, value))
