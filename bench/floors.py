"""The least that the work could cost, measured beside it: OpenSSL, pgbench and COPY without any service around them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import psycopg2

from bench.stage import MeasurementSpoiled
from clerk_sync.clerk.users import COLUMNS
from clerk_sync.db.connect import embedded_psql
from clerk_sync.shop.fields import LARGEST_ID
from clerk_sync.shop.store.orders import LIST_ORDERS

# What /api/me reads, by an id that is made up as traffic.py makes it.
SELECT_USER = """
\\set n random(1, {users})
SELECT id, clerk_id, email, email_verified, first_name, last_name, username, image_url, role, banned, deleted_at,
       created_at
FROM users WHERE clerk_id = 'user_' || lpad(CAST(:n AS text), 27, '0');
"""
SELECT_ORDERS = f"""
\\set n random(1, {{users}})
{LIST_ORDERS.text % {"user_id": ":n", "created_at": "'infinity'", "id": LARGEST_ID, "limit": 21}};
"""
# The least that a delivery leaves behind: one user in a table with the indexes of ``users``, waited for on the disk.
UPSERT_USER = """
\\set n random(1, 2000000000)
INSERT INTO floor_users (clerk_id, email, first_name, last_name, image_url, clerk_created_at, clerk_updated_at)
VALUES ('user_' || :n, 'u' || :n || '@example.com', 'Grace', 'Hopper', 'https://img.clerk.com/' || :n, :n, :n)
ON CONFLICT (clerk_id) DO UPDATE SET email = excluded.email, clerk_updated_at = excluded.clerk_updated_at;
"""
_LIKE_USERS = "DROP TABLE IF EXISTS floor_users; CREATE TABLE floor_users (LIKE users INCLUDING ALL)"


def choose_rsa(seconds: float) -> tuple[str, Callable[[float], float]]:
    """Return who counts how many RSA-2048 signatures a core verifies in a second, and the counting."""
    if shutil.which("openssl") and seconds >= 1:  # it counts whole seconds
        return "openssl speed rsa2048", _verify_with_openssl
    return "cryptography, RSA-2048", _verify_with_cryptography


def _verify_with_openssl(seconds: float) -> float:
    command = ["openssl", "speed", "-seconds", str(round(seconds)), "rsa2048"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    columns = said.strip().splitlines()[-1].split()
    header = next(line for line in said.splitlines() if "verify/s" in line).split()
    # Columns are counted from the right: newer versions add some, and the row's name has spaces.
    return float(columns[header.index("verify/s") - len(header)])


def _verify_with_cryptography(seconds: float) -> float:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = b"x" * 500
    signature, public_key = key.sign(message, padding.PKCS1v15(), hashes.SHA256()), key.public_key()
    rounds, started_s = 0, time.process_time()
    while time.process_time() - started_s < seconds:
        public_key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        rounds += 1
    return rounds / (time.process_time() - started_s)


class PgBench:
    """The load driver that comes with PostgreSQL, on one database; its statements are prepared.

    Each client runs ``transactions``: a time could only be whole seconds.
    """

    def __init__(self, url: str, directory: Path, *, clients: int, transactions: int) -> None:
        self._program = Path(embedded_psql()).with_name("pgbench")
        self._url = url
        self._script = directory / "pgbench.sql"
        self._clients = clients
        self._transactions = transactions

    def per_s(self, script: str, **values: int) -> float:
        """Return how many times a second ``script`` runs, each time as a transaction of its own."""
        self._script.write_text(script.format(**values))
        flags = ["-n", "-M", "prepared", "-c", str(self._clients), "-j", "1", "-t", str(self._transactions)]
        command = [str(self._program), *flags, "-f", str(self._script), self._url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        match = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        if match is None or re.search(r"^number of failed transactions: [1-9]", said, re.MULTILINE):
            raise MeasurementSpoiled(f"pgbench has failed:\n{said}")
        return float(match[1])


def make_floor_table(url: str) -> None:
    """Make, or empty, a table with the shape and the indexes of ``users``, without its triggers."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_LIKE_USERS)


def copied_rows_per_s(url: str) -> float:
    """Return how many rows a second COPY brings into such a table: the rows that ``users`` holds."""
    columns = ", ".join([*(column.name for column in COLUMNS), "event_at", "content_digest"])
    make_floor_table(url)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        rows = BytesIO()
        cursor.copy_expert(f"COPY users ({columns}) TO STDOUT", rows)
        rows.seek(0)
        started_at = time.perf_counter()
        cursor.copy_expert(f"COPY floor_users ({columns}) FROM STDIN", rows)
        connection.commit()
        return int(cursor.rowcount) / (time.perf_counter() - started_at)
