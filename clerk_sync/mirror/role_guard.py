"""Checks of the role guard: its triggers, whether it refuses this session, and what the audit cannot explain."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString, NamedTuple

import psycopg2

from clerk_sync.db.transaction import SqlExecutor, TransactionalConnection

INSUFFICIENT_PRIVILEGE = "42501"

TRIGGERS = ("audit_wall", "role_audit_insert", "role_audit_update", "role_wall_insert", "role_wall_update")


class Role(NamedTuple):
    """A user's role."""

    clerk_id: str
    role: str


class SuspiciousChange(NamedTuple):
    """Role changes from one suspicious kind of session; ``is_ours`` if only the application can have made them."""

    origin: str
    number: int
    last_at: datetime
    is_ours: bool


_ENABLED: LiteralString = """
SELECT tgname FROM pg_trigger
WHERE tgname = ANY(%(names)s) AND tgenabled IN ('O', 'A') AND tgrelid IN ('users'::regclass, 'role_changes'::regclass)
"""
_IS_APPLICATION: LiteralString = "SELECT is_application_session()"
_HAS_OUR_NAME: LiteralString = "SELECT starts_with(current_setting('application_name'), 'clerk_sync')"
_IS_NAMELESS_REFUSED: LiteralString = (
    "SELECT is_application_session() FROM set_config('application_name', '', true) AS name_of_this_transaction"
)
_INSERT_ADMIN: LiteralString = "INSERT INTO users (clerk_id, role) VALUES ('user_of_the_doctor', 'ADMIN')"
_COUNT_ADMINS: LiteralString = "SELECT count(*) FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL"
_UNEXPLAINED: LiteralString = """
SELECT clerk_id, role FROM users
WHERE (role <> 'CLIENT' OR id IN (SELECT user_id FROM role_changes)) AND role <> coalesce(
    (SELECT new_role FROM role_changes WHERE user_id = users.id ORDER BY id DESC LIMIT 1), 'CLIENT')
ORDER BY id
"""
# If people and the application share a login, only application_name tells them apart. If the application has a login
# of its own, each change by that login is suspicious, with any application_name.
_SUSPICIOUS: LiteralString = """
SELECT CASE
    WHEN starts_with(application_name, 'clerk_sync') THEN 'the application itself'
    WHEN changed_by = session_user AND is_restricted THEN 'the application''s own login'
    WHEN starts_with(application_name, 'flask ') THEN 'a migration'
    WHEN application_name = '' THEN 'a session without a name'
    END AS origin,
    count(*) AS number, max(changed_at) AS last_at
FROM role_changes, (
    SELECT relowner <> (SELECT oid FROM pg_roles WHERE rolname = session_user) AS is_restricted
    FROM pg_class WHERE oid = 'users'::regclass
) AS users_table
GROUP BY origin ORDER BY origin
"""


def find_missing_triggers(transaction: SqlExecutor) -> list[str]:
    """Return the triggers of the role guard and its audit that are missing or disabled."""
    enabled = {name for (name,) in transaction.fetch_all(_ENABLED, {"names": list(TRIGGERS)})}
    return [name for name in TRIGGERS if name not in enabled]


def is_application_session(transaction: SqlExecutor) -> bool:
    """Return whether the database treats this session as the application's."""
    ((is_application,),) = transaction.fetch_all(_IS_APPLICATION)
    return bool(is_application)


def has_our_name(transaction: SqlExecutor) -> bool:
    """Return whether the name of our connections arrives at the database."""
    ((has_name,),) = transaction.fetch_all(_HAS_OUR_NAME)
    return bool(has_name)


def refuses_sessions_without_a_name(transaction: SqlExecutor) -> bool:
    """Return whether a session without a name counts as the application's. Afterwards the transaction has no name."""
    ((is_refused,),) = transaction.fetch_all(_IS_NAMELESS_REFUSED)
    return bool(is_refused)


def refuses_an_admin(transactions: TransactionalConnection) -> bool:
    """Return whether the database refuses to let this session insert an ADMIN.

    The attempt is rolled back; it uses up one value of the sequence of user ids.
    """
    try:
        transactions.fetch_all(_INSERT_ADMIN)
    except psycopg2.Error as error:
        if error.pgcode != INSUFFICIENT_PRIVILEGE:
            raise
        return True
    else:
        return False
    finally:
        transactions.rollback()


def count_admins(transaction: SqlExecutor) -> int:
    """Return how many live users are ADMIN."""
    ((admins,),) = transaction.fetch_all(_COUNT_ADMINS)
    return int(admins)


def find_unexplained_roles(transaction: SqlExecutor) -> list[Role]:
    """Return users whose role differs from the last one in the audit."""
    return [Role(*row) for row in transaction.fetch_all(_UNEXPLAINED)]


def find_suspicious_changes(transaction: SqlExecutor) -> list[SuspiciousChange]:
    """Return role changes that were not made in a person's session."""
    return [
        SuspiciousChange(origin, number, last_at, is_ours="application" in origin)
        for origin, number, last_at in transaction.fetch_all(_SUSPICIOUS)
        if origin is not None
    ]
