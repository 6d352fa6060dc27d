"""The one function through which user rows are written, and the one that ends them.

First sign-ins and sync end here; a delivery, new or replayed, runs the same statements inside the database
(``functions``). What decides is in the statement's WHERE, so that no interleaving of processes can get around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec.json import Encoder

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.statements import (
    READ_FROM_API,
    TYPED_COLUMNS,
    compare_statement,
    tombstone_statement,
    upsert_statement,
)
from clerk_sync.mirror.sync.candidates import AT_ONCE, LIVES_IN_SPAN, ListedRange

__all__ = ["READ_FROM_API", "MergeResult", "merge_page", "merge_users", "write_tombstones"]


class MergeResult(StrEnum):
    """What the merge did with one snapshot."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"


_MERGE_PAGE = f"""
WITH arriving AS (
    SELECT page.*, CAST(%(event_at)s AS bigint) AS event_at
    FROM json_to_recordset(CAST(%(page)s AS json)) AS page ({TYPED_COLUMNS})
), compared AS (
    {compare_statement("arriving")}
), written AS (
    -- In order: two writers that lock in different ones would deadlock.
    {upsert_statement("(SELECT * FROM compared ORDER BY clerk_id)")} RETURNING clerk_id, xmax = 0 AS is_new
)
SELECT CASE WHEN is_new THEN 'inserted' WHEN NOT is_new THEN 'updated' ELSE standing END AS result, array_agg(clerk_id)
FROM compared LEFT JOIN written USING (clerk_id) GROUP BY result
"""
_TAKE_PAGE = f"""{_MERGE_PAGE}
UNION ALL
SELECT 'not shown', array_agg(clerk_id) FROM (
    SELECT clerk_id FROM users
    -- NOT IN is always a hash. For NOT EXISTS a table that nobody has analyzed yet gets 500 times 500 comparisons.
    WHERE {LIVES_IN_SPAN} AND clerk_id NOT IN (SELECT clerk_id FROM arriving)
    ORDER BY clerk_id LIMIT {AT_ONCE}
) AS left_out HAVING count(*) > 0
"""
_encode = Encoder().encode
_WRITE_TOMBSTONES = tombstone_statement("CAST(%(clerk_ids)s AS text[])")


def merge_users(transaction: SqlExecutor, batch: Sequence[UserSnapshot], *, event_at: int) -> dict[str, MergeResult]:
    """Write ``batch`` into the mirror and return what became of each id.

    ``event_at`` is the envelope's time in milliseconds, or READ_FROM_API. An id that comes twice counts once, with
    its newest version. Nothing here can touch a role or bring back a deleted user.
    """
    newest = _newest_of(batch)
    return _merge_wanted(transaction, newest, event_at, list(newest)) if newest else {}


def merge_page(
    transaction: SqlExecutor, users: Sequence[UserSnapshot], span: ListedRange
) -> tuple[dict[str, MergeResult], list[str]]:
    """Do the same with users whom Clerk's API shows in ``span``, and return who lives there and is not shown, too.

    That are up to AT_ONCE ids, as ``find_not_shown`` returns them, found before the page is merged.
    """
    newest = _newest_of(users)
    values = span._asdict() | {
        "page": _encode([*newest.values()]).decode(),
        "event_at": READ_FROM_API,
        # Those of the page are compared as rows; these came by another way.
        "shown": [clerk_id for clerk_id in span.shown if clerk_id not in newest],
    }
    ids_by_standing = dict(transaction.fetch_all(_TAKE_PAGE, values))
    not_shown = ids_by_standing.pop("not shown", [])
    wanted = ids_by_standing.pop("wanted", [])
    return _results(ids_by_standing) | _merge_wanted(transaction, newest, READ_FROM_API, wanted), not_shown


def _newest_of(batch: Sequence[UserSnapshot]) -> dict[str, UserSnapshot]:
    newest: dict[str, UserSnapshot] = {}
    for snapshot in batch:
        known = newest.get(snapshot.clerk_id)
        if known is None or known.clerk_updated_at <= snapshot.clerk_updated_at:
            newest[snapshot.clerk_id] = snapshot
    return newest


def _merge_wanted(
    transaction: SqlExecutor, newest: dict[str, UserSnapshot], event_at: int, wanted: list[str]
) -> dict[str, MergeResult]:
    results: dict[str, MergeResult] = {}
    while wanted:
        ids_by_standing = _merge(transaction, [newest[clerk_id] for clerk_id in wanted], event_at)
        # 'wanted' and yet not written: another writer was first, between our look and our lock. Look again.
        wanted = ids_by_standing.pop("wanted", [])
        results |= _results(ids_by_standing)
    return results


def _results(ids_by_standing: dict[str, list[str]]) -> dict[str, MergeResult]:
    return {
        clerk_id: MergeResult(standing) for standing, clerk_ids in ids_by_standing.items() for clerk_id in clerk_ids
    }


def _merge(transaction: SqlExecutor, batch: Sequence[UserSnapshot], event_at: int) -> dict[str, list[str]]:
    # One parameter, written and read in C. COPY into a temporary table costs PostgreSQL a little less and us more,
    # and it leaves the table behind in a session that may not be ours.
    return dict(transaction.fetch_all(_MERGE_PAGE, {"page": _encode(batch).decode(), "event_at": event_at}))


def write_tombstones(transaction: SqlExecutor, clerk_ids: Sequence[str]) -> set[str]:
    """Turn these users into tombstones and return the ids that were not deleted before.

    An id that was never seen gets its tombstone, too: its creation may still be on the way. Addresses and open cart go
    in the same transaction, by a trigger of the database; orders stay.
    """
    return {clerk_id for (clerk_id,) in transaction.fetch_all(_WRITE_TOMBSTONES, {"clerk_ids": list(clerk_ids)})}
