"""Check the mirror: its instance, the last event, parked events, and sync."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, age_text, ok, warning, wrong
from clerk_sync.mirror.binding import find_binding
from clerk_sync.mirror.inbox.parked import find_last_event
from clerk_sync.mirror.reporting import status
from clerk_sync.mirror.sync.runs import LEASE_TIMEOUT

BINDING, FOREIGN, EVENTS, PARKED, SYNC, LEASE = (
    "binding",
    "foreign events",
    "last event",
    "parked",
    "last sync",
    "lease",
)

QUIET_FOR = timedelta(days=1)
DISABLED_AFTER = timedelta(days=5)  # Clerk disables an endpoint after five days of failures
SYNC_IS_DUE = timedelta(days=2)


def check_binding(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the mirror is bound to the instance of the secret key."""
    bound, ours = find_binding(context.transactions), context.instance_id
    if bound is None:
        yield warning(BINDING, "to no instance yet", "the first signed event or `flask sync-clerk sync` binds it")
    elif ours is None:
        yield ok(BINDING, f"to {bound}; not compared with the key's instance")
    elif bound == ours:
        yield ok(BINDING, f"to {bound}, the instance of CLERK_SECRET_KEY")
    else:
        yield wrong(
            BINDING,
            f"to {bound}, but CLERK_SECRET_KEY belongs to {ours}",
            f"use the keys of {bound}, or bind the mirror to {ours}: flask sync-clerk rebind",
        )
    foreign = status.count_foreign(context.transactions)
    if foreign:
        yield warning(
            FOREIGN,
            f"{foreign} within a week: signed with our secret, but from another instance",
            "remove the endpoint of the other instance, or give it a secret of its own",
        )


def check_events(context: CheckContext) -> Iterator[Finding]:
    """Yield the age of the last event, and the number of parked ones."""
    last = find_last_event(context.transactions)
    age = last.age if last else None
    if age is None:
        yield warning(
            EVENTS,
            "none ever",
            "add the endpoint in Clerk's dashboard, under Webhooks: …/api/webhooks/clerk, for user.*",
        )
    elif age > DISABLED_AFTER:
        yield warning(
            EVENTS,
            f"{age_text(age)} ago",
            "Clerk disables an endpoint that failed for five days: check it in Clerk's dashboard, then run sync",
        )
    elif age > QUIET_FOR:
        yield warning(
            EVENTS, f"{age_text(age)} ago", "if users have signed up since, webhooks do not arrive: try --url"
        )
    else:
        yield ok(EVENTS, f"{age_text(age)} ago")

    number, oldest = status.count_parked(context.transactions)
    if number and oldest is not None:
        found = f"{number} events wait, the oldest for {age_text(oldest)}"
        yield warning(PARKED, found, "read webhook_events.reason, deploy code that understands them, then replay")
    else:
        yield ok(PARKED, "none")


def check_sync(context: CheckContext) -> Iterator[Finding]:
    """Yield the age of the last finished run, the status of the newest, and whether a dead run holds the lease."""
    runs = status.read_runs(context.transactions)
    if runs.last_status in ("failed", "refused", "lost"):
        found = f"the last run is {runs.last_status}: {runs.last_reason or 'no reason given'}"
        yield wrong(SYNC, found, "flask sync-clerk check, then flask sync-clerk sync; docs/sync.md names the guards")
    elif runs.done_age is None:
        yield warning(SYNC, "no run over all users has finished yet", "flask sync-clerk sync")
    elif runs.done_age > SYNC_IS_DUE:
        yield warning(SYNC, f"{age_text(runs.done_age)} ago", "let a scheduler run flask sync-clerk sync every night")
    else:
        yield ok(SYNC, f"{age_text(runs.done_age)} ago")
    if runs.silence is not None and runs.silence > LEASE_TIMEOUT:
        found = f"held by a run whose last heartbeat was {age_text(runs.silence)} ago"
        yield warning(LEASE, found, "run flask sync-clerk sync --resume: it takes over the lease")
