"""The reconciliation of a few users, named by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import LiteralString

from clerk_sync.clerk.api.client import MOST_IDS, ClerkApi
from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.errors import TooManyMissingError
from clerk_sync.mirror.sync.candidates import confirm_by_id
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Counts, Step
from clerk_sync.mirror.sync.targets import SyncTarget

_FIND_KNOWN: LiteralString = """
SELECT clerk_id, deleted_at IS NULL AND created_at < %(before)s FROM users WHERE clerk_id = ANY(%(ids)s)
"""


def reconcile_users(
    transaction: SqlExecutor, api: ClerkApi, target: SyncTarget, limits: RunLimits, clerk_ids: Sequence[str]
) -> Iterator[Step]:
    """Yield the steps that sync ``clerk_ids``. A user whom neither Clerk nor the mirror knows counts as failed."""
    wanted = list(dict.fromkeys(clerk_ids))
    for start in range(0, len(wanted), MOST_IDS):
        batch = wanted[start : start + MOST_IDS]
        answer = confirm_by_id(api, batch)
        counts, changes = target.take(answer.known)
        live, without_row = _sort_unknown(transaction, answer.unknown, limits.before)
        gone, deletions = target.note_missing(live)
        failures = (
            *answer.unmappable,
            *(UnusableUser(each, "neither Clerk nor the mirror knows it") for each in without_row),
        )
        seen = len(answer.known) + len(answer.unmappable)
        yield Step(counts + gone + Counts(seen=seen, failed=len(failures)), changes + deletions, failures)
    missing = target.count_missing()
    if missing > limits.cap:
        raise TooManyMissingError(missing, limits.cap)
    yield Step(Counts(deleted=target.delete_missing()))


def _sort_unknown(transaction: SqlExecutor, clerk_ids: Sequence[str], before: datetime) -> tuple[list[str], list[str]]:
    """Return the ids with a live row, and the ids without a row. All others have a tombstone."""
    known = dict(transaction.fetch_all(_FIND_KNOWN, {"ids": list(clerk_ids), "before": before}))
    live = [clerk_id for clerk_id in clerk_ids if known.get(clerk_id)]
    return live, [clerk_id for clerk_id in clerk_ids if clerk_id not in known]
