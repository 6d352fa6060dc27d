"""The mirror: which instance it copies, whether events come in, what is parked, and how sync is doing."""

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
DISABLED_AFTER = timedelta(days=5)  # of failures only, then Clerk stops sending
SYNC_IS_DUE = timedelta(days=2)


def check_binding(patient: CheckContext) -> Iterator[Finding]:
    """Yield whether the mirror copies the instance that our key belongs to."""
    bound, ours = find_binding(patient.transactions), patient.instance_id
    if bound is None:
        yield warning(BINDING, "to no instance yet", "the first signed event or `flask sync-clerk sync` binds it")
    elif ours is None:
        yield ok(BINDING, f"to {bound}; not compared with the key's instance")
    elif bound == ours:
        yield ok(BINDING, f"to {bound}, the instance of CLERK_SECRET_KEY")
    else:
        yield wrong(
            BINDING,
            f"to {bound}, and CLERK_SECRET_KEY belongs to {ours}",
            "use the keys of that instance; or, to copy the other one from now on, flask sync-clerk rebind",
        )
    foreign = status.count_foreign(patient.transactions)
    if foreign:
        yield warning(
            FOREIGN,
            f"{foreign} within a week, signed by our secret and from another instance",
            "remove the endpoint of the other instance, or give it a secret of its own",
        )


def check_events(patient: CheckContext) -> Iterator[Finding]:
    """Yield when the last event came, and what is parked."""
    last = find_last_event(patient.transactions)
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
            "Clerk disables an endpoint that failed for five days: look at it in the dashboard; then sync",
        )
    elif age > QUIET_FOR:
        yield warning(EVENTS, f"{age_text(age)} ago", "does nobody sign up, or do webhooks not arrive? try --url")
    else:
        yield ok(EVENTS, f"{age_text(age)} ago")

    number, oldest = status.count_parked(patient.transactions)
    if number and oldest is not None:
        told = f"{number} events wait, the oldest for {age_text(oldest)}"
        yield warning(PARKED, told, "read webhook_events.reason, deploy code that understands them, then replay")
    else:
        yield ok(PARKED, "none")


def check_sync(patient: CheckContext) -> Iterator[Finding]:
    """Yield how old the last finished run is, how the newest one ended, and whether the lease is held by a dead one."""
    runs = status.read_runs(patient.transactions)
    if runs.last_status in ("failed", "refused", "lost"):
        told = f"the last run is {runs.last_status}: {runs.last_reason or 'no reason given'}"
        yield wrong(SYNC, told, "flask sync-clerk check, then flask sync-clerk sync; docs/sync.md names the guards")
    elif runs.done_age is None:
        yield warning(SYNC, "no run over everybody has come to its end yet", "flask sync-clerk sync")
    elif runs.done_age > SYNC_IS_DUE:
        yield warning(SYNC, f"{age_text(runs.done_age)} ago", "let a scheduler run flask sync-clerk sync every night")
    else:
        yield ok(SYNC, f"{age_text(runs.done_age)} ago")
    if runs.silence is not None and runs.silence > LEASE_TIMEOUT:
        told = f"held by a run that has been silent for {age_text(runs.silence)}"
        yield warning(LEASE, told, "the next run takes it over by itself: flask sync-clerk sync --resume")
