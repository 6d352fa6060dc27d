"""Lower bounds of the cost: OpenSSL, pgbench and COPY without any service."""

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

# What /api/me reads. The id has the form of traffic.user_id.
SELECT_USER = """
\\set n random(1, {users})
SELECT id, clerk_id, email, email_verified, first_name, last_name, username, image_url, role, banned, deleted_at,
       created_at
FROM users WHERE clerk_id = 'user_' || lpad(CAST(:n AS text), 27, '0');
"""
SELECT_ORDERS = f"""
\\set n random(1, {{users}})
{LIST_ORDERS % {"user_id": ":n", "created_at": "'infinity'", "id": LARGEST_ID, "limit": 21}};
"""
# The least that a delivery writes: one user in a table with the indexes of ``users``, flushed to disk.
UPSERT_USER = """
\\set n random(1, 2000000000)
INSERT INTO floor_users (clerk_id, email, first_name, last_name, image_url, clerk_created_at, clerk_updated_at)
VALUES ('user_' || :n, 'u' || :n || '@example.com', 'Grace', 'Hopper', 'https://img.clerk.com/' || :n, :n, :n)
ON CONFLICT (clerk_id) DO UPDATE SET email = excluded.email, clerk_updated_at = excluded.clerk_updated_at;
"""
_LIKE_USERS = "DROP TABLE IF EXISTS floor_users; CREATE TABLE floor_users (LIKE users INCLUDING ALL)"


def choose_rsa(seconds: float) -> tuple[str, Callable[[float], float]]:
    """Return the name of a program that verifies RSA-2048 signatures on one core, and a function that runs it."""
    if shutil.which("openssl") and seconds >= 1:  # openssl takes whole seconds only
        return "openssl speed rsa2048", _verify_with_openssl
    return "cryptography, RSA-2048", _verify_with_cryptography


def _verify_with_openssl(seconds: float) -> float:
    command = ["openssl", "speed", "-seconds", str(round(seconds)), "rsa2048"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    columns = said.strip().splitlines()[-1].split()
    header = next(line for line in said.splitlines() if "verify/s" in line).split()
    # Count columns from the right: newer versions add columns, and the row's name has spaces.
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
    """PostgreSQL's load driver on one database, with prepared statements.

    Each client runs a number of ``transactions``, because pgbench takes durations in whole seconds only.
    """

    def __init__(self, url: str, directory: Path, *, clients: int, transactions: int) -> None:
        self._program = Path(embedded_psql()).with_name("pgbench")
        self._url = url
        self._script = directory / "pgbench.sql"
        self._clients = clients
        self._transactions = transactions

    def per_s(self, script: str, **values: int) -> float:
        """Return how many times ``script`` runs in a second, each in its own transaction."""
        self._script.write_text(script.format(**values))
        flags = ["-n", "-M", "prepared", "-c", str(self._clients), "-j", "1", "-t", str(self._transactions)]
        command = [str(self._program), *flags, "-f", str(self._script), self._url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        match = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        if match is None or re.search(r"^number of failed transactions: [1-9]", said, re.MULTILINE):
            raise MeasurementSpoiled(f"pgbench failed:\n{said}")
        return float(match[1])


def make_floor_table(url: str) -> None:
    """Create an empty table with the columns and indexes of ``users``, without its triggers."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_LIKE_USERS)


def copied_rows_per_s(url: str) -> float:
    """Copy the rows of ``users`` into an empty floor table with COPY, and return the rows per second."""
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
