"""Users whom Clerk's list does not show although the mirror has them.

They are candidates. A user is missing only if Clerk, asked by id, does not know the user. Nothing is deleted before the
end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.clerk.errors import UnusableUserError
from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.listed_range import AT_ONCE

_UNDATED: LiteralString = """
SELECT clerk_id FROM users
WHERE deleted_at IS NULL AND created_at < %(before)s AND clerk_created_at = 0 AND clerk_id > %(after)s
ORDER BY clerk_id LIMIT %(at_once)s
"""


def find_undated(transaction: SqlExecutor, *, before: datetime, after: str = "") -> list[str]:
    """Return up to AT_ONCE ids of live users without a creation time: no range covers them."""
    values = {"before": before, "after": after, "at_once": AT_ONCE}
    return [clerk_id for (clerk_id,) in transaction.fetch_all(_UNDATED, values)]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Clerk's answer about up to 100 users, by id."""

    known: list[UserSnapshot] = field(default_factory=list)
    unmappable: list[UnusableUser] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def confirm_by_id(api: ClerkApi, clerk_ids: Sequence[str]) -> Confirmation:
    """Ask Clerk for users by id.

    Clerk does not document whether a list by id shows every user, for example banned ones. So the first user that it
    leaves out is requested alone. If Clerk knows that user, each of the others is requested alone, too.
    """
    page = api.find_users(clerk_ids)
    shown = {user.clerk_id for user in page.users} | {user.clerk_id for user in page.unmappable}
    unknown = [clerk_id for clerk_id in clerk_ids if clerk_id not in shown]
    answer = Confirmation(page.users, page.unmappable, unknown)
    if not unknown:
        return answer
    witness = _confirm_alone(api, unknown[0])
    if witness.unknown and None not in shown:
        return answer
    alone = [_confirm_alone(api, clerk_id) for clerk_id in unknown]
    return Confirmation(
        page.users + [user for each in alone for user in each.known],
        [user for user in page.unmappable if user.clerk_id] + [user for each in alone for user in each.unmappable],
        [clerk_id for each in alone for clerk_id in each.unknown],
    )


def _confirm_alone(api: ClerkApi, clerk_id: str) -> Confirmation:
    try:
        user = api.find_user(clerk_id)
    except UnusableUserError as error:
        return Confirmation(unmappable=[UnusableUser(clerk_id, str(error))])
    return Confirmation(known=[user]) if user else Confirmation(unknown=[clerk_id])


_NOTE_MISSING: LiteralString = """
INSERT INTO sync_missing (run_id, clerk_id) SELECT %(run_id)s, unnest(CAST(%(clerk_ids)s AS text[]))
ON CONFLICT DO NOTHING RETURNING clerk_id
"""
_LIST_MISSING: LiteralString = """
SELECT clerk_id FROM sync_missing WHERE run_id = %(run_id)s AND clerk_id > %(after)s ORDER BY clerk_id LIMIT %(at_once)s
"""
_COUNT: LiteralString = "SELECT count(*) FROM sync_missing WHERE run_id = %(run_id)s"


def note_missing(transaction: SqlExecutor, run_id: int, clerk_ids: Sequence[str]) -> int:
    """Note confirmed ids for the end of the run and return how many were not noted before."""
    return len(transaction.fetch_all(_NOTE_MISSING, {"run_id": run_id, "clerk_ids": list(clerk_ids)}))


def count_missing(transaction: SqlExecutor, run_id: int) -> int:
    """Return how many confirmed ids the run has noted."""
    ((missing,),) = transaction.fetch_all(_COUNT, {"run_id": run_id})
    return int(missing)


def list_missing(transaction: SqlExecutor, run_id: int) -> Iterator[list[str]]:
    """Yield the confirmed ids of the run, in batches that fit into one statement."""
    last = ""
    while batch := transaction.fetch_all(_LIST_MISSING, {"run_id": run_id, "after": last, "at_once": AT_ONCE}):
        yield [clerk_id for (clerk_id,) in batch]
        ((last,),) = batch[-1:]
