"""Compare the mirror with Clerk in PostgreSQL, row by row and field by field.

The expected rows are computed from docs/mapping.md, without the service's own code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.emulator.users.schemas import User

_CONTENT = (
    "email",
    "email_verified",
    "first_name",
    "last_name",
    "username",
    "image_url",
    "banned",
    "clerk_created_at",
    "clerk_updated_at",
)

_PERSONAL = ("email", "first_name", "last_name", "username", "image_url")

_DIFFERENCES = f"""
SELECT clerk_id, CASE
    WHEN expected.clerk_id IS NULL THEN 'nobody at Clerk'
    WHEN users.clerk_id IS NULL THEN CASE WHEN NOT gone OR was_heard_of THEN 'missing' END
    WHEN gone AND users.deleted_at IS NULL THEN 'not deleted'
    WHEN gone AND num_nonnulls({", ".join(f"users.{column}" for column in _PERSONAL)}) > 0 THEN 'not forgotten'
    WHEN gone THEN NULL
    WHEN users.deleted_at IS NOT NULL THEN 'deleted'
    WHEN ({", ".join(f"users.{column}" for column in _CONTENT)}) IS DISTINCT FROM
         ({", ".join(f"expected.{column}" for column in _CONTENT)}) THEN 'other content'
    WHEN users.role <> 'CLIENT' THEN 'other role'
    END AS difference
FROM expected FULL JOIN users USING (clerk_id)
LEFT JOIN LATERAL (
    SELECT true FROM webhook_events WHERE webhook_events.clerk_id = expected.clerk_id AND gone LIMIT 1
) AS heard(was_heard_of) ON true
"""


class Comparison:
    """A database session that holds the expected rows of the mirror."""

    def __init__(self, database_url: str) -> None:
        self._connection: Connection = psycopg2.connect(database_url, application_name="psql")
        self._connection.autocommit = True

    def close(self) -> None:
        """End the session and drop the expected rows."""
        self._connection.close()

    def learn(self, users: Iterable[User], departed: Collection[str]) -> None:
        """Store Clerk's state: its live and its deleted users."""
        self._run(f"""
            CREATE TEMPORARY TABLE expected AS
            SELECT clerk_id, false AS gone, {", ".join(_CONTENT)} FROM users LIMIT 0;
            CREATE UNIQUE INDEX ON expected (clerk_id)""")
        rows = StringIO()
        rows.writelines("\t".join(map(_field, (user.id, False, *_content_of(user)))) + "\n" for user in users)
        rows.writelines(f"{clerk_id}\tt" + "\t\\N" * len(_CONTENT) + "\n" for clerk_id in departed)
        rows.seek(0)
        with self._connection.cursor() as cursor:
            cursor.copy_expert("COPY expected FROM STDIN", rows)
        self._run("ANALYZE expected")

    def differences(self) -> dict[str, str]:
        """Return the users that differ, and their differences."""
        return dict(self._run(f"SELECT * FROM ({_DIFFERENCES}) AS every_row WHERE difference IS NOT NULL"))

    def tied(self) -> set[str]:
        """Return users with several events of one time, which is their row's version: only Clerk knows the last one."""
        return {
            clerk_id
            for (clerk_id,) in self._run("""
                SELECT clerk_id FROM webhook_events JOIN users USING (clerk_id)
                WHERE webhook_events.event_at = users.clerk_updated_at
                GROUP BY clerk_id HAVING count(*) > 1""")
        }

    def lost_receipts(self, path: Path) -> int:
        """Return the number of deliveries that were answered 2xx and that the inbox has not counted."""
        self._run("CREATE TEMPORARY TABLE receipts (svix_id text)")
        with self._connection.cursor() as cursor, path.open() as file:
            cursor.copy_expert("COPY receipts FROM STDIN", file)
        ((lost,),) = self._run("""
            SELECT coalesce(sum(told - coalesce(deliveries, 0)), 0)
            FROM (SELECT svix_id, count(*) AS told FROM receipts GROUP BY svix_id) AS told_of
            LEFT JOIN webhook_events USING (svix_id) WHERE told > coalesce(deliveries, 0)""")
        return int(lost)

    def remember_row_versions(self) -> None:
        """Remember the row version of each user."""
        self._run("CREATE TEMPORARY TABLE versions AS SELECT id, xmin::text || ctid::text AS version FROM users")

    def rows_written_since(self) -> int:
        """Return the number of user rows that were written since ``remember_row_versions``."""
        ((written,),) = self._run("""
            SELECT count(*) FROM users FULL JOIN versions USING (id)
            WHERE users.xmin::text || users.ctid::text IS DISTINCT FROM version""")
        return int(written)

    def counts(self) -> Counter[str]:
        """Return the numbers of live rows and tombstones."""
        return Counter(
            dict(
                self._run("""
            SELECT CASE WHEN deleted_at IS NULL THEN 'live' ELSE 'tombstones' END, count(*) FROM users GROUP BY 1""")
            )
        )

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def _content_of(user: User) -> tuple[object, ...]:
    address = next((each for each in user.email_addresses if each.id == user.primary_email_address_id), None)
    return (
        address.email_address if address else None,
        bool(address and address.verification and address.verification.status == "verified"),
        user.first_name,
        user.last_name,
        user.username,
        user.image_url,
        user.banned or user.deprovisioned,
        user.created_at,
        user.updated_at,
    )


def _field(value: object) -> str:
    return r"\N" if value is None else str(value).replace("\\", r"\\")
