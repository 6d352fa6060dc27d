"""Empty a database between tests."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from clerk_sync.mirror import models as _mirror  # noqa: F401 - adds the tables to the metadata
from clerk_sync.mirror.models import Base as MirrorBase
from clerk_sync.shop import models as _shop  # noqa: F401 - adds the tables to the metadata
from clerk_sync.shop.db import Base as ShopBase

MANY_ROWS = 1000

_RESTART_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL"""


def empty_tables(operator: Connection) -> None:
    """Remove every row and restart the sequences. Wait for transactions that are still open.

    TRUNCATE would create new files for each table and index: 70,000 files over all tests, which take half a minute.
    """
    names = sorted({*MirrorBase.metadata.tables, *ShopBase.metadata.tables})
    with operator.cursor() as cursor:
        # Without triggers and foreign key checks the order of tables does not matter.
        cursor.execute(f"BEGIN; LOCK TABLE {', '.join(names)}; SET LOCAL session_replication_role = 'replica'")
        removed = 0
        for name in names:
            cursor.execute(f"DELETE FROM {name}")
            removed += cursor.rowcount
        if removed > MANY_ROWS:  # else the next test would read their dead rows
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")
        cursor.execute(f"{_RESTART_SEQUENCES}; COMMIT")
