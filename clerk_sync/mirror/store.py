"""The merge: the one function, and the one statement, through which user rows are written.

Webhooks, first sign-ins, sync and replay all end here. What decides is in the statement's WHERE, so that no
interleaving of processes can get around it; what came back says what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from clerk_sync.clerk.users import CONTENT_FIELDS, UserSnapshot

# The envelope time of a snapshot that was read from the API: after every event, because at equal versions
# an API read is the truth.
READ_FROM_API = 2**63 - 1


class Merged(StrEnum):
    """What the merge did with one snapshot."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"


CONTENT = CONTENT_FIELDS
COLUMNS = ("clerk_id", *CONTENT, "clerk_updated_at")


def _content_of(row: str) -> str:
    return "(" + ", ".join(f"{row}.{column}" for column in CONTENT) + ")"


def _supersedes(new: str, row: str) -> str:
    """Return the condition under which snapshot ``new`` replaces ``row``; it is the order of DESIGN's merge table.

    A tie is broken by the event's time and then by the digest of the content: a fixed total order, so that every
    order of arrival ends the same. An equal digest over other content means that the row has drifted: repair it.
    """
    return f"""{row}.deleted_at IS NULL AND (
        {row}.clerk_updated_at < {new}.clerk_updated_at
        OR {row}.clerk_updated_at = {new}.clerk_updated_at
           AND {_content_of(row)} IS DISTINCT FROM {_content_of(new)}
           AND ({new}.event_at = {READ_FROM_API}
                OR {new}.content_digest = {row}.content_digest
                OR ({new}.event_at, {new}.content_digest) > ({row}.event_at, {row}.content_digest)))"""


_MERGE = f"""
WITH arriving AS (
    SELECT source.*, md5({_content_of("source")}::text) AS content_digest, CAST(:event_at AS bigint) AS event_at
    FROM {{source}} AS source
), compared AS (
    -- Rows that would not change are told apart here, so that they are neither locked nor logged.
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR {_supersedes("arriving", "users")} THEN 'wanted'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND {_content_of("users")} IS NOT DISTINCT FROM {_content_of("arriving")} THEN 'unchanged'
        ELSE 'stale' END AS standing
    FROM arriving LEFT JOIN users USING (clerk_id)
), written AS (
    INSERT INTO users ({", ".join(COLUMNS)}, event_at, content_digest)
    SELECT {", ".join(COLUMNS)}, event_at, content_digest
    FROM compared WHERE standing = 'wanted'
    ORDER BY clerk_id  -- two writers lock in one order, or they deadlock
    ON CONFLICT (clerk_id) DO UPDATE SET
        {", ".join(f"{column} = excluded.{column}" for column in (*COLUMNS[1:], "event_at", "content_digest"))},
        synced_at = now()
    WHERE {_supersedes("excluded", "users")}
    RETURNING clerk_id, xmax = 0 AS is_new
)
SELECT clerk_id, CASE
    WHEN is_new THEN 'inserted'
    WHEN NOT is_new THEN 'updated'
    ELSE standing END
FROM compared LEFT JOIN written USING (clerk_id)
"""

_TYPES = {"email_verified": "boolean", "banned": "boolean", "clerk_created_at": "bigint", "clerk_updated_at": "bigint"}
_ONE_ROW = (
    "(SELECT " + ", ".join(f"CAST(:{column} AS {_TYPES.get(column, 'text')}) AS {column}" for column in COLUMNS) + ")"
)
_PAGE = "arriving_users"

_MERGE_ONE = text(_MERGE.format(source=_ONE_ROW))
_MERGE_PAGE = text(_MERGE.format(source=_PAGE))
_MAKE_PAGE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_PAGE} (
    {", ".join(f"{column} {_TYPES.get(column, 'text')}" for column in COLUMNS)}
) ON COMMIT DELETE ROWS
"""


def merge_users(session: Session, batch: Sequence[UserSnapshot], *, event_at: int) -> dict[str, Merged]:
    """Write ``batch`` into the mirror and return what became of each id.

    ``event_at`` is the envelope's time in milliseconds, or READ_FROM_API. An id that comes twice counts once, with
    its newest version. Nothing here can touch a role or bring back a deleted user.
    """
    newest: dict[str, UserSnapshot] = {}
    for snapshot in batch:
        known = newest.get(snapshot.clerk_id)
        if known is None or known.clerk_updated_at <= snapshot.clerk_updated_at:
            newest[snapshot.clerk_id] = snapshot
    results: dict[str, Merged] = {}
    waiting = list(newest.values())
    while waiting:
        standings = _merge(session, waiting, event_at)
        results |= {clerk_id: Merged(standing) for clerk_id, standing in standings.items() if standing != "wanted"}
        # 'wanted' and yet not written: another writer was first, between our look and our lock. Look again.
        waiting = [newest[clerk_id] for clerk_id, standing in standings.items() if standing == "wanted"]
    return results


def _merge(session: Session, batch: Sequence[UserSnapshot], event_at: int) -> dict[str, str]:
    if len(batch) == 1:
        values = {column: getattr(batch[0], column) for column in COLUMNS}
        rows = session.execute(_MERGE_ONE, {**values, "event_at": event_at})
    else:
        _copy_page(session, batch)
        rows = session.execute(_MERGE_PAGE, {"event_at": event_at})
    return dict(rows.tuples().all())


def _copy_page(session: Session, batch: Iterable[UserSnapshot]) -> None:
    from io import StringIO

    cursor: Any = session.connection().connection.cursor()
    lines = "".join("\t".join(_copy_field(getattr(user, column)) for column in COLUMNS) + "\n" for user in batch)
    with cursor:
        cursor.execute(f"{_MAKE_PAGE}; DELETE FROM {_PAGE}")
        cursor.copy_expert(f"COPY {_PAGE} ({', '.join(COLUMNS)}) FROM STDIN", StringIO(lines))


_COPY_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _copy_field(value: object) -> str:
    if value is None:
        return r"\N"
    return value.translate(_COPY_ESCAPES) if isinstance(value, str) else str(value)


_BURY = text("""
INSERT INTO users (clerk_id, deleted_at)
SELECT clerk_id, now() FROM unnest(CAST(:clerk_ids AS text[])) AS clerk_id
GROUP BY clerk_id ORDER BY clerk_id
ON CONFLICT (clerk_id) DO UPDATE SET
    deleted_at = now(), synced_at = now(), email = NULL, email_verified = false, first_name = NULL, last_name = NULL,
    username = NULL, image_url = NULL, content_digest = ''
WHERE users.deleted_at IS NULL
RETURNING clerk_id
""")


def bury_users(session: Session, clerk_ids: Sequence[str]) -> set[str]:
    """Turn these users into tombstones and return the ids that were not deleted before.

    An id that was never seen gets its tombstone, too: its creation may still be on the way. Addresses and open cart go
    in the same transaction, by a trigger of the database; orders stay.
    """
    rows = session.execute(_BURY, {"clerk_ids": list(clerk_ids)})
    return {clerk_id for (clerk_id,) in rows}
