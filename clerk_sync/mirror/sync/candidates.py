"""Users whom Clerk's list does not show where they should stand.

They are candidates only. What makes one missing is Clerk's answer to the question by id; and even then nothing is
deleted before the run has come to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString, NamedTuple

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.clerk.errors import UnusableUserError
from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor

AT_ONCE = 1000


class ListedRange(NamedTuple):
    """A span of ``created_at`` in which Clerk shows nobody but ``shown``; who was made here after ``before`` is new."""

    before: datetime
    since_ms: int
    until_ms: int
    shown: Sequence[str]


# created_at < before: a row that was made while the run was under way may be newer than the page that lacks it.
LIVES_IN_SPAN: LiteralString = """
deleted_at IS NULL AND created_at < %(before)s
AND clerk_created_at >= %(since_ms)s AND clerk_created_at < %(until_ms)s AND clerk_id <> ALL(%(shown)s)
"""
"""Which rows of ``users`` a span leaves out."""

_NOT_SHOWN: LiteralString = f"""
SELECT clerk_id FROM users WHERE {LIVES_IN_SPAN} AND clerk_id > %(after)s ORDER BY clerk_id LIMIT {AT_ONCE}
"""
_UNDATED: LiteralString = """
SELECT clerk_id FROM users
WHERE deleted_at IS NULL AND created_at < %(before)s AND clerk_created_at = 0 AND clerk_id > %(after)s
ORDER BY clerk_id LIMIT %(at_once)s
"""


def find_not_shown(transaction: SqlExecutor, span: ListedRange, *, after: str = "") -> list[str]:
    """Return live users whom the span leaves out: up to AT_ONCE ids.

    Ask again with ``after`` the last of them while there are as many.
    """
    return [clerk_id for (clerk_id,) in transaction.fetch_all(_NOT_SHOWN, span._asdict() | {"after": after})]


def find_undated(transaction: SqlExecutor, *, before: datetime, after: str = "") -> list[str]:
    """Return live users without a creation time, older here than ``before``: up to AT_ONCE ids. No span covers them."""
    values = {"before": before, "after": after, "at_once": AT_ONCE}
    return [clerk_id for (clerk_id,) in transaction.fetch_all(_UNDATED, values)]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What Clerk says of up to 100 users, asked by id."""

    known: list[UserSnapshot] = field(default_factory=list)
    unmappable: list[UnusableUser] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def confirm_by_id(api: ClerkApi, clerk_ids: Sequence[str]) -> Inquiry:
    """Ask Clerk for users by id.

    The list is not quite believed: Clerk does not document whether it shows, say, banned users. So the first whom it
    does not show is asked for alone, and if Clerk knows that one after all, so is everybody else.
    """
    page = api.find_users(clerk_ids)
    shown = {user.clerk_id for user in page.users} | {user.clerk_id for user in page.unmappable}
    unknown = [clerk_id for clerk_id in clerk_ids if clerk_id not in shown]
    answer = Inquiry(page.users, page.unmappable, unknown)
    if not unknown:
        return answer
    witness = _inquire_alone(api, unknown[0])
    if witness.unknown and None not in shown:
        return answer
    alone = [_inquire_alone(api, clerk_id) for clerk_id in unknown]
    return Inquiry(
        page.users + [user for each in alone for user in each.known],
        [user for user in page.unmappable if user.clerk_id] + [user for each in alone for user in each.unmappable],
        [clerk_id for each in alone for clerk_id in each.unknown],
    )


def _inquire_alone(api: ClerkApi, clerk_id: str) -> Inquiry:
    try:
        user = api.find_user(clerk_id)
    except UnusableUserError as error:
        return Inquiry(unmappable=[UnusableUser(clerk_id, str(error))])
    return Inquiry(known=[user]) if user else Inquiry(unknown=[clerk_id])


_REMEMBER: LiteralString = """
INSERT INTO sync_missing (run_id, clerk_id) SELECT %(run_id)s, unnest(CAST(%(clerk_ids)s AS text[]))
ON CONFLICT DO NOTHING RETURNING clerk_id
"""
_RECALL: LiteralString = """
SELECT clerk_id FROM sync_missing WHERE run_id = %(run_id)s AND clerk_id > %(after)s ORDER BY clerk_id LIMIT %(at_once)s
"""
_COUNT: LiteralString = "SELECT count(*) FROM sync_missing WHERE run_id = %(run_id)s"


def remember_missing(transaction: SqlExecutor, run_id: int, clerk_ids: Sequence[str]) -> int:
    """Note confirmed ids for the end of the run and return how many were not noted before."""
    return len(transaction.fetch_all(_REMEMBER, {"run_id": run_id, "clerk_ids": list(clerk_ids)}))


def count_missing(transaction: SqlExecutor, run_id: int) -> int:
    """Return how many confirmed ids the run has noted."""
    ((missing,),) = transaction.fetch_all(_COUNT, {"run_id": run_id})
    return int(missing)


def recall_missing(transaction: SqlExecutor, run_id: int) -> Iterator[list[str]]:
    """Yield the confirmed ids of the run, in batches that fit into one statement."""
    last = ""
    while batch := transaction.fetch_all(_RECALL, {"run_id": run_id, "after": last, "at_once": AT_ONCE}):
        yield [clerk_id for (clerk_id,) in batch]
        ((last,),) = batch[-1:]
