"""Check the role guard by an attempt to break it, and look for roles that the audit does not explain."""

from __future__ import annotations

from collections.abc import Iterator

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong
from clerk_sync.mirror import role_guard

GUARD, NAME, ROLES, SESSIONS = "role guard", "connection name", "roles", "role changes"
MOST_NAMED = 3


def check_role_guard(context: CheckContext) -> Iterator[Finding]:
    """Yield whether the database would refuse this application an ADMIN. The attempt is always rolled back."""
    transactions = context.transactions
    if missing := role_guard.find_missing_triggers(transactions):
        yield wrong(
            GUARD,
            f"triggers missing or disabled: {', '.join(missing)}",
            "restore the database's triggers: ALTER TABLE … ENABLE TRIGGER, or a dump of a database that has them",
        )
    if not role_guard.is_application_session(transactions):
        yield wrong(
            NAME,
            "the database does not recognize the application, so the role guard does not apply",
            "remove application_name from PgBouncer's ignore_startup_parameters",
        )
    elif not role_guard.has_our_name(transactions):
        yield wrong(
            NAME,
            "lost on the way to the database: no session has a name, so psql cannot change roles either",
            "remove application_name from PgBouncer's ignore_startup_parameters",
        )
    else:
        yield ok(NAME, "the database recognizes the application by it")
    are_nameless_refused = role_guard.refuses_sessions_without_a_name(transactions)
    transactions.rollback()
    if not role_guard.refuses_an_admin(transactions):
        yield wrong(
            GUARD, "tested: an ADMIN made by the application was not refused", "see docs/security.md, The role guard"
        )
    elif not are_nameless_refused:
        yield wrong(
            GUARD,
            "a session without an application_name may change roles, such as that of another application's driver",
            "restore the function is_application_session, from a dump or from mirror/migrations",
        )
    elif not missing:
        yield ok(GUARD, "tested: the database refuses an ADMIN to the application, and to sessions without a name")


def check_roles(context: CheckContext) -> Iterator[Finding]:
    """Yield roles that the audit does not explain, and changes from suspicious sessions."""
    transactions = context.transactions
    unexplained = role_guard.find_unexplained_roles(transactions)
    if unexplained:
        named = ", ".join(f"{each.clerk_id} is {each.role}" for each in unexplained[:MOST_NAMED])
        more = f" and {len(unexplained) - MOST_NAMED} more" if len(unexplained) > MOST_NAMED else ""
        yield wrong(
            ROLES,
            f"{named}{more}, but role_changes does not say so",
            "a role was changed without the audit: find out by whose login, then set the role again in psql",
        )
    else:
        admins = role_guard.count_admins(transactions)
        yield ok(ROLES, f"{admins} ADMIN, each recorded in role_changes" if admins else "no user is ADMIN yet")
    yield from _judge_sessions(role_guard.find_suspicious_changes(transactions))


def _judge_sessions(changes: list[role_guard.SuspiciousChange]) -> Iterator[Finding]:
    for change in changes:
        found = f"{change.number} from {change.origin}, the last on {change.last_at:%Y-%m-%d %H:%M}"
        fix = "check in role_changes that these changes were intended"
        yield (wrong if change.is_ours else warning)(SESSIONS, found, fix)
    if not changes:
        yield ok(SESSIONS, "none from a suspicious session")
