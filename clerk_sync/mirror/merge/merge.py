"""Writes rows of ``users``: ``merge_users`` and ``merge_page`` upsert them, ``write_tombstones`` marks them deleted.

Placeholders and sync use these functions. A delivery runs the same SQL inside the database (``sql_functions.py``).
The statement's WHERE decides, so that no interleaving of processes can break the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec.json import Encoder

from clerk_sync.clerk.users import UserSnapshot
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.merge.listed_range import AT_ONCE, IS_LEFT_OUT, ListedRange
from clerk_sync.mirror.merge.statements import (
    READ_FROM_API,
    TYPED_COLUMNS,
    compare_statement,
    tombstone_statement,
    upsert_statement,
)

__all__ = ["READ_FROM_API", "MergeResult", "merge_page", "merge_users", "write_tombstones"]


class MergeResult(StrEnum):
    """The result of merging one snapshot."""

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
    -- Transactions that lock rows in different orders would deadlock.
    {upsert_statement("(SELECT * FROM compared ORDER BY clerk_id)")} RETURNING clerk_id, xmax = 0 AS is_new
)
SELECT CASE WHEN is_new THEN 'inserted' WHEN NOT is_new THEN 'updated' ELSE action END AS result, array_agg(clerk_id)
FROM compared LEFT JOIN written USING (clerk_id) GROUP BY result
"""
_MERGE_LISTED_PAGE = f"""{_MERGE_PAGE}
UNION ALL
SELECT 'not shown', array_agg(clerk_id) FROM (
    SELECT clerk_id FROM users
    -- NOT IN is always a hash. NOT EXISTS makes 500 times 500 comparisons on a table without statistics.
    WHERE {IS_LEFT_OUT} AND clerk_id NOT IN (SELECT clerk_id FROM arriving)
    ORDER BY clerk_id LIMIT {AT_ONCE}
) AS left_out HAVING count(*) > 0
"""
_encode = Encoder().encode
_WRITE_TOMBSTONES = tombstone_statement("CAST(%(clerk_ids)s AS text[])")


def merge_users(transaction: SqlExecutor, batch: Sequence[UserSnapshot], *, event_at: int) -> dict[str, MergeResult]:
    """Write ``batch`` into the mirror and return the result for each id.

    ``event_at`` is the envelope's time in milliseconds, or READ_FROM_API. If an id comes twice, its newest version
    counts. No role changes, and no deleted user comes back.
    """
    newest = _newest_of(batch)
    return _write(transaction, newest, event_at, list(newest)) if newest else {}


def merge_page(
    transaction: SqlExecutor, users: Sequence[UserSnapshot], listed: ListedRange
) -> tuple[dict[str, MergeResult], list[str]]:
    """Merge ``users``, a page that Clerk's API listed for ``listed``. Return also the ids that the page leaves out.

    These are up to AT_ONCE ids, as ``find_not_shown`` returns them, read before the page is merged.
    """
    newest = _newest_of(users)
    values = listed._asdict() | {
        "page": _encode([*newest.values()]).decode(),
        "event_at": READ_FROM_API,
        # The statement compares the page's own users as rows.
        "shown": [clerk_id for clerk_id in listed.shown if clerk_id not in newest],
    }
    ids_by_action = dict(transaction.fetch_all(_MERGE_LISTED_PAGE, values))
    not_shown = ids_by_action.pop("not shown", [])
    to_write = ids_by_action.pop("write", [])
    return _results(ids_by_action) | _write(transaction, newest, READ_FROM_API, to_write), not_shown


def _newest_of(batch: Sequence[UserSnapshot]) -> dict[str, UserSnapshot]:
    newest: dict[str, UserSnapshot] = {}
    for snapshot in batch:
        known = newest.get(snapshot.clerk_id)
        if known is None or known.clerk_updated_at <= snapshot.clerk_updated_at:
            newest[snapshot.clerk_id] = snapshot
    return newest


def _write(
    transaction: SqlExecutor, newest: dict[str, UserSnapshot], event_at: int, to_write: list[str]
) -> dict[str, MergeResult]:
    results: dict[str, MergeResult] = {}
    while to_write:
        # One parameter. COPY into a temporary table costs us more, and behind a pooler the table would stay.
        page = _encode([newest[clerk_id] for clerk_id in to_write]).decode()
        ids_by_action = dict(transaction.fetch_all(_MERGE_PAGE, {"page": page, "event_at": event_at}))
        # If a row is still to be written, another transaction wrote it after the comparison: compare again.
        to_write = ids_by_action.pop("write", [])
        results |= _results(ids_by_action)
    return results


def _results(ids_by_action: dict[str, list[str]]) -> dict[str, MergeResult]:
    return {clerk_id: MergeResult(action) for action, clerk_ids in ids_by_action.items() for clerk_id in clerk_ids}


def write_tombstones(transaction: SqlExecutor, clerk_ids: Sequence[str]) -> set[str]:
    """Turn these users into tombstones and return the ids that were not deleted before.

    An unknown id gets a tombstone, too: its creation may arrive later. Triggers remove addresses, open carts and parked
    payloads in the same transaction. Orders stay.
    """
    return {clerk_id for (clerk_id,) in transaction.fetch_all(_WRITE_TOMBSTONES, {"clerk_ids": list(clerk_ids)})}
