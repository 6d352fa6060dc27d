"""A lower bound of the drift. It takes three requests for any number of users."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from clerk_sync.clerk.api.client import LARGEST_PAGE
from clerk_sync.clerk.api.user_pages import UserPage
from clerk_sync.clerk.errors import ApiProtocolError
from clerk_sync.db.transaction import SqlExecutor, TransactionalConnection
from clerk_sync.mirror.errors import EmptyListingError
from clerk_sync.mirror.merge.diff import find_differences
from clerk_sync.mirror.merge.listed_range import ListedRange, find_not_shown
from clerk_sync.mirror.reporting.drift import Drift
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.run import ClerkSource, check_key
from clerk_sync.mirror.sync.targets import DryRun
from clerk_sync.mirror.sync.windows import END_OF_TIME_MS, FIRST_MS

RECENT = 400  # users; less than a page of 500, so users who sign up meanwhile still fit


class Holdings(NamedTuple):
    """The numbers of filled live users and of placeholders, and when the newest RECENT users begin."""

    filled: int
    never_filled: int
    recent_since_ms: int


_COUNT: LiteralString = """
SELECT count(*) FILTER (WHERE clerk_updated_at > 0), count(*) FILTER (WHERE clerk_updated_at = 0)
FROM users WHERE deleted_at IS NULL
"""
_NEWEST: LiteralString = """
SELECT clerk_created_at FROM users WHERE deleted_at IS NULL AND clerk_created_at > 0
ORDER BY clerk_created_at DESC OFFSET %(place)s LIMIT 1
"""


def quick_check(transactions: TransactionalConnection, source: ClerkSource, limits: RunLimits) -> Drift:
    """Return a lower bound of the drift, from both counts and from the newest users.

    Raises the same errors as ``reconcile``. The drift is then unknown.
    """
    instance = source.get_instance()
    check_key(instance, source.secret_key)
    DryRun(transactions).bind(instance.id)
    holdings = _read_holdings(transactions)
    transactions.rollback()  # Clerk may respond slowly: hold no transaction.

    clerk_users = source.api.count_users()
    if clerk_users == 0 and limits.filled:
        raise EmptyListingError(limits.filled)
    page = source.api.list_users(created_at_after=holdings.recent_since_ms - 1)
    if page.first_ms is not None and page.first_ms < holdings.recent_since_ms - 1:
        raise ApiProtocolError("Clerk's list ignores created_at_after, which --quick needs: check without --quick")

    drift = Drift(instance.id, clerk_users, limits.live, unreadable=len(page.unmappable))
    drift.count(find_differences(transactions, page.users))
    surplus = clerk_users - holdings.filled - holdings.never_filled
    drift.missing = max(drift.missing, surplus)
    drift.stale = max(drift.stale, holdings.never_filled)
    drift.orphaned = max(_count_not_shown(transactions, page, holdings, limits), -surplus)
    return drift


def _read_holdings(transaction: SqlExecutor) -> Holdings:
    ((filled, never_filled),) = transaction.fetch_all(_COUNT)
    newest = transaction.fetch_all(_NEWEST, {"place": RECENT})
    return Holdings(filled, never_filled, newest[0][0] if newest else FIRST_MS)


def _count_not_shown(transaction: SqlExecutor, page: UserPage, holdings: Holdings, limits: RunLimits) -> int:
    is_last = page.count < LARGEST_PAGE
    shown = [user.clerk_id for user in page.users] + [user.clerk_id for user in page.unmappable if user.clerk_id]
    not_shown = find_not_shown(
        transaction,
        ListedRange(
            before=limits.before,
            since_ms=holdings.recent_since_ms,
            until_ms=END_OF_TIME_MS if is_last else page.last_ms or holdings.recent_since_ms,
            shown=shown,
        ),
    )
    return len(not_shown)
