"""The SQL that writes users: the merge and the tombstone.

Each text is here once and is sent in two forms: for a page of users as a statement (``merge.py``), and for one user
inside the database function that applies a delivery (``sql_functions.py``). ``users`` is the name of the table there.
"""

from __future__ import annotations

from clerk_sync.clerk.users import COLUMNS, CONTENT_FIELDS

# The envelope time of a snapshot that was read from the API: later than every event, because an API read is the truth
# at equal versions.
READ_FROM_API = 2**63 - 1

_NAMES = [column.name for column in COLUMNS]
TYPED_COLUMNS = ", ".join(f"{column.name} {column.sql_type}" for column in COLUMNS)
"""The mirrored columns with their types, as json_to_recordset declares them."""


def _content_of(row: str) -> str:
    return "(" + ", ".join(f"{row}.{column}" for column in CONTENT_FIELDS) + ")"


def _digest_of(row: str) -> str:
    return f"md5({_content_of(row)}::text)"


def _supersedes(new: str, row: str, *, digest: str) -> str:
    """Return the condition under which snapshot ``new``, whose content has ``digest``, replaces ``row``.

    The event's time and then the digest of the content break a tie. This order is total, so every order of arrival
    ends with the same row. An equal digest with other content means that the row was changed by hand: repair it.
    """
    return f"""{row}.deleted_at IS NULL AND (
        {row}.clerk_updated_at < {new}.clerk_updated_at
        OR {row}.clerk_updated_at = {new}.clerk_updated_at
           AND {_content_of(row)} IS DISTINCT FROM {_content_of(new)}
           AND ({new}.event_at = {READ_FROM_API}
                OR {digest} = {row}.content_digest
                OR ({new}.event_at, {digest}) > ({row}.event_at, {row}.content_digest)))"""


def compare_statement(arriving: str, users: str = "users") -> str:
    """Return the rows of the relation ``arriving``, each with its ``action``: write, unchanged or stale.

    The relation has the mirrored columns and ``event_at``, and each id at most once.
    """
    return f"""
    SELECT arriving.*, CASE
        WHEN users.clerk_id IS NULL OR {_supersedes("arriving", "users", digest=_digest_of("arriving"))} THEN 'write'
        WHEN users.deleted_at IS NULL AND users.clerk_updated_at = arriving.clerk_updated_at
             AND {_content_of("users")} IS NOT DISTINCT FROM {_content_of("arriving")} THEN 'unchanged'
        ELSE 'stale' END AS action
    FROM {arriving} AS arriving LEFT JOIN {users} AS users USING (clerk_id)
"""


def upsert_statement(compared: str, users: str = "users") -> str:
    """Return the statement that merges ``compared``: the rows of ``compare_statement``, ordered by id.

    If a row with the action write is not written, another transaction wrote it after the comparison: compare again.
    """
    return f"""
    INSERT INTO {users} AS users ({", ".join(_NAMES)}, event_at, content_digest)
    SELECT {", ".join(_NAMES)}, event_at, {_digest_of("compared")}
    -- ON CONFLICT would lock a row that does not change. So such rows are left out here.
    FROM {compared} AS compared WHERE action = 'write'
    ON CONFLICT (clerk_id) DO UPDATE SET
        {", ".join(f"{column} = excluded.{column}" for column in (*_NAMES[1:], "event_at", "content_digest"))},
        synced_at = now()
    WHERE {_supersedes("excluded", "users", digest="excluded.content_digest")}
"""


_CLEARED = ", ".join(f"{column.name} = {column.default}" for column in COLUMNS if column.source.is_personal)


def tombstone_statement(clerk_ids: str, users: str = "users") -> str:
    """Return the statement that writes tombstones for ``clerk_ids``; its rows are the ids that were not deleted yet."""
    return f"""
    INSERT INTO {users} AS users (clerk_id, deleted_at)
    SELECT clerk_id, now() FROM unnest({clerk_ids}) AS clerk_id
    GROUP BY clerk_id ORDER BY clerk_id
    ON CONFLICT (clerk_id) DO UPDATE SET
        deleted_at = now(), synced_at = now(), {_CLEARED}, content_digest = ''
    WHERE users.deleted_at IS NULL
    RETURNING clerk_id
"""
