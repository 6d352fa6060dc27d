"""The role wall, tried, and roles that nobody can account for."""

from __future__ import annotations

from collections.abc import Iterator

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.mirror import role_guard

WALL, NAME, ROLES, SESSIONS = "role wall", "connection name", "roles", "role changes"
MOST_NAMED = 3


def check_role_guard(patient: CheckContext) -> Iterator[Finding]:
    """Yield whether the database would refuse this application an ADMIN; the try is always undone."""
    transactions = patient.transactions
    if missing := role_guard.find_missing_triggers(transactions):
        yield wrong(
            WALL,
            f"triggers missing or switched off: {', '.join(missing)}",
            "restore the database's triggers: ALTER TABLE … ENABLE TRIGGER, or a dump of a database that has them",
        )
    if not role_guard.is_application_session(transactions):
        yield wrong(
            NAME,
            "the database does not see that we are the application, so the wall is open",
            "take application_name out of PgBouncer's ignore_startup_parameters",
        )
    else:
        yield ok(NAME, "the database knows the application by it")
    if not role_guard.refuses_an_admin(transactions):
        yield wrong(WALL, "tried: an ADMIN made by the application was not refused", "see docs/security.md, The wall")
    elif not missing:
        yield ok(WALL, "tried: the database refuses the application an ADMIN")


def check_roles(patient: CheckContext) -> Iterator[Finding]:
    """Yield roles that the audit does not explain, and changes that came from odd sessions."""
    transactions = patient.transactions
    unexplained = role_guard.find_unexplained_roles(transactions)
    if unexplained:
        named = ", ".join(f"{each.clerk_id} is {each.role}" for each in unexplained[:MOST_NAMED])
        more = f" and {len(unexplained) - MOST_NAMED} more" if len(unexplained) > MOST_NAMED else ""
        yield wrong(
            ROLES,
            f"{named}{more}, and role_changes knows nothing of it",
            "somebody went around the audit: find out who, and set the role once more in psql",
        )
    else:
        admins = role_guard.count_admins(transactions)
        yield ok(ROLES, f"{admins} ADMIN, each accounted for in role_changes" if admins else "nobody is ADMIN yet")
    yield from _judge_sessions(role_guard.find_odd_changes(transactions))


def _judge_sessions(odd: list[role_guard.OddChange]) -> Iterator[Finding]:
    for change in odd:
        told = f"{change.number} from {change.origin}, the last on {change.last_at:%Y-%m-%d %H:%M}"
        mend = "look at role_changes: were these changes meant?"
        yield (wrong if change.is_ours else warning)(SESSIONS, told, mend)
    if not odd:
        yield ok(SESSIONS, "none from an odd session")
