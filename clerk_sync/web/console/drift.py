"""The quick check for drift, started by a button: at most three requests to Clerk, no changes."""

from __future__ import annotations

import time

from flask import Blueprint, Response, url_for

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.transport import Transport, limiter_for
from clerk_sync.clerk.errors import ApiRefusedError, ClerkError
from clerk_sync.db.connect import TIME_LIMITS
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.errors import SyncError
from clerk_sync.mirror.reporting.drift import Drift
from clerk_sync.mirror.reporting.quick_check import quick_check
from clerk_sync.mirror.sync.limits import DeleteLimit, read_clock, read_limits
from clerk_sync.mirror.sync.run import ClerkSource
from clerk_sync.services import services
from clerk_sync.web.console import rendering
from clerk_sync.web.console.flash import Notice, Tone, flash

drift = Blueprint("drift", __name__)

# A user waits for the page, so the timeouts are shorter than those of a sync run.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, BUDGET_S = 2.0, 4.0, 5.0

_MEANINGS = {
    "missing": "live at Clerk, not here",
    "stale": "here in another version",
    "orphaned": "live here, not at Clerk",
    "buried": "deleted here, but not at Clerk",
    "unreadable": "could not be compared",
}


@drift.get("/drift")
def show_drift() -> Response:
    """Show the button, and the result if the check has just run."""
    return rendering.show("console/drift.html", can_check=services().settings.secret_key is not None)


@drift.post("/drift")
def check_drift() -> Response:
    """Compare the number of users and the newest users with Clerk."""
    at = url_for("clerk_sync_console.drift.show_drift")
    started_at = time.monotonic()
    source = _find_source()
    if source is None:
        return flash(Notice(Tone.BAD, "CLERK_SECRET_KEY is not set, so the service cannot read from Clerk."), at)
    try:
        found = _run_check(source)
    except ApiRefusedError as error:
        hint = " Check CLERK_SECRET_KEY." if error.status in (401, 403) else ""
        return flash(Notice(Tone.BAD, f"The check failed: {error}.{hint}"), at)
    except (ClerkError, SyncError) as error:
        return flash(Notice(Tone.BAD, f"The check failed: {error}."), at)
    return flash(_notice_of(found, time.monotonic() - started_at), at)


def _find_source() -> ClerkSource | None:
    """Return Clerk's API with short timeouts, or None without a secret key."""
    settings = services().settings
    if settings.secret_key is None:
        return None
    transport = Transport(
        settings.api_url,
        settings.secret_key,
        limiter=limiter_for(settings.secret_key),
        connect_timeout_s=CONNECT_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
        budget_s=BUDGET_S,
        connections=1,
    )
    api = ClerkApi(transport)
    return ClerkSource(api, api.get_instance, settings.secret_key)


def _run_check(source: ClerkSource) -> Drift:
    # Nothing is deleted here, so the delete limit must not refuse.
    no_limit = DeleteLimit(number=0, percent=100.0)
    with TransactionalConnection(services().connect, f"SET TRANSACTION READ ONLY; {TIME_LIMITS}") as transactions:
        limits = read_limits(transactions, no_limit, before=read_clock(transactions), workers=1)
        transactions.rollback()
        return quick_check(transactions, source, limits)


def _notice_of(found: Drift, seconds: float) -> Notice:
    facts = [("users at Clerk", f"{found.clerk_users:,}"), ("users here", f"{found.mirror_users:,}")]
    for name, meaning in _MEANINGS.items():
        count: int = getattr(found, name)
        facts.append((f"{name}: {meaning}", f"{count:,}"))
    facts.append(("took", f"{seconds:.2f} s"))
    if not found.is_in_step:
        return Notice(Tone.BAD, "Drift: the mirror differs from Clerk by at least this much.", facts)
    if found.unreadable:
        return Notice(Tone.MIXED, f"Unclear: {found.unreadable:,} users could not be read.", facts)
    return Notice(Tone.GOOD, "In step: the quick check found no difference.", facts)
