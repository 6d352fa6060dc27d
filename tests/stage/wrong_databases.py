"""Databases that answer but cannot serve us: another encoding, missing privileges, read-only."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from clerk_sync.db.connect import embedded_psql
from tests.stage.postgres import PostgresServer, run_statement

KNOWN, BOSS = "user_known", "user_boss"
CONTENT = f"""
    INSERT INTO users (clerk_id, role) VALUES ('{KNOWN}', 'CLIENT'), ('{BOSS}', 'ADMIN');
    INSERT INTO products (sku, name, description, price_minor, currency) VALUES ('TEA', 'Tea', '', 1290, 'EUR');
    INSERT INTO addresses (user_id, line1, city, country) VALUES (1, '1 Harbour Road', 'Galway', 'IE');
    INSERT INTO carts (user_id) VALUES (1);
    INSERT INTO cart_items (cart_id, product_id, user_id, quantity) VALUES (1, 1, 1, 2);
    INSERT INTO orders (number, user_id, currency, total_minor, shipping_address, idempotency_key)
    VALUES ('A-1', 1, 'EUR', 1290, '{{}}', 'once');
    INSERT INTO webhook_events (svix_id, type, outcome, payload)
    VALUES ('msg_parked', 'user.updated', 'parked', '{{}}');
"""
"""A customer with an address, a cart and an order, an ADMIN, a product and a parked event."""


class Wrong(NamedTuple):
    """One of these databases: the URLs of the application's login and of the superuser."""

    url: str
    superuser_url: str
    login: str


Maker = Callable[[PostgresServer], AbstractContextManager[Wrong]]

_numbers = count()


@contextmanager
def login(postgres: PostgresServer) -> Iterator[Wrong]:
    """Create a login that owns nothing, and a correct database with all privileges on our tables for it."""
    number = next(_numbers)
    name, database = f"login_{number}", f"wrong_{number}"
    url = postgres.create_database(database, template="migrated")
    run_statement(url, f"CREATE ROLE {name} LOGIN")
    run_statement(url, CONTENT)
    run_statement(url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    try:
        yield Wrong(urlsplit(url)._replace(netloc=f"{name}@").geturl(), url, name)
    finally:
        run_statement(postgres.url(), f"DROP DATABASE {database} WITH (FORCE)")
        run_statement(postgres.url(), f"DROP ROLE {name}")


def _by(*statements: str) -> Maker:
    """Return a function that makes a database and runs ``statements`` there as administrator; {login} is the login."""

    @contextmanager
    def make(postgres: PostgresServer) -> Iterator[Wrong]:
        with login(postgres) as wrong:
            database = urlsplit(wrong.url).path.strip("/")
            for statement in statements:
                run_statement(wrong.superuser_url, statement.format(login=wrong.login, database=database))
            yield wrong

    return make


@contextmanager
def _by_options(postgres: PostgresServer) -> Iterator[Wrong]:
    with login(postgres) as wrong:
        options = quote("-c default_transaction_read_only=on", safe="")
        yield wrong._replace(url=f"{wrong.url}&options={options}")


@contextmanager
def _by_server(postgres: PostgresServer) -> Iterator[Wrong]:
    with login(postgres) as wrong:
        postgres.reload(default_transaction_read_only="on")
        try:
            yield wrong
        finally:
            postgres.reload(default_transaction_read_only="")


@contextmanager
def _by_standby(postgres: PostgresServer) -> Iterator[Wrong]:
    with login(postgres) as wrong, postgres.standby() as standby_url:
        database = urlsplit(wrong.url).path.strip("/")
        yield wrong._replace(url=urlsplit(standby_url(database))._replace(netloc=f"{wrong.login}@").geturl())


def _by_encoding(encoding: str) -> Maker:
    @contextmanager
    def make(postgres: PostgresServer) -> Iterator[Wrong]:
        with login(postgres) as wrong:
            url = create_in(postgres, encoding)
            dump = subprocess.run([program("pg_dump"), wrong.superuser_url], check=True, capture_output=True)
            subprocess.run([program("psql"), "--quiet", url], input=dump.stdout, check=True, capture_output=True)
            yield Wrong(urlsplit(url)._replace(netloc=f"{wrong.login}@").geturl(), url, wrong.login)
            run_statement(postgres.url(), f"DROP DATABASE {urlsplit(url).path.strip('/')} WITH (FORCE)")

    return make


def create_in(postgres: PostgresServer, encoding: str) -> str:
    """Create an empty database with ``encoding`` and return its URL."""
    name = f"{encoding.lower()}_{next(_numbers)}"
    copied = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    run_statement(postgres.url(), f"CREATE DATABASE {name} {copied}")
    return postgres.url(name)


def program(name: str) -> str:
    """Return the path of a program of the embedded PostgreSQL."""
    found = shutil.which(name, path=str(Path(embedded_psql()).parent))
    assert found is not None
    return found


MAKERS: dict[str, tuple[Maker, str]] = {
    "SQL_ASCII": (_by_encoding("SQL_ASCII"), "not UTF-8: its encoding is SQL_ASCII"),
    "LATIN1": (_by_encoding("LATIN1"), "not UTF-8: its encoding is LATIN1"),
    "a plan over its limit": (
        _by("REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM {login}"),
        "missing privileges: INSERT, UPDATE on users, webhook_events, mirror_binding, sync_runs, sync_missing",
    ),
    "no UPDATE on users": (_by("REVOKE UPDATE ON users FROM {login}"), "missing privileges: UPDATE on users"),
    "no UPDATE on one column": (
        _by(
            "REVOKE UPDATE ON users FROM {login}",
            "GRANT UPDATE (email, first_name, last_name, username, image_url, banned) ON users TO {login}",
        ),
        "missing privileges: UPDATE on users",
    ),
    "no INSERT into the inbox": (
        _by("REVOKE INSERT ON webhook_events FROM {login}"),
        "missing privileges: INSERT on webhook_events",
    ),
    "no DELETE from carts": (
        _by("REVOKE DELETE ON carts, sync_missing FROM {login}"),
        "missing privileges: DELETE on sync_missing, carts",
    ),
    "no rights at all": (
        _by("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {login}"),
        "missing privileges: SELECT, INSERT, UPDATE on users",
    ),
    "no USAGE on the schema": (
        _by("REVOKE USAGE ON SCHEMA public FROM PUBLIC, {login}"),
        "missing privileges: USAGE on schema public",
    ),
    "no CONNECT": (
        _by("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC, {login}"),
        "missing privileges: CONNECT on the database",
    ),
    "no EXECUTE": (
        _by("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, {login}"),
        "missing privileges: EXECUTE on function take_event",
    ),
    "row-level security": (
        _by("ALTER TABLE users ENABLE ROW LEVEL SECURITY", "ALTER TABLE carts ENABLE ROW LEVEL SECURITY"),
        "missing privileges: row-level security without a policy on carts, users",
    ),
    "read-only login": (
        _by("ALTER ROLE {login} SET default_transaction_read_only = on"),
        "read-only: default_transaction_read_only is on for our login",
    ),
    "read-only database": (
        _by("ALTER DATABASE {database} SET default_transaction_read_only = on"),
        "read-only: default_transaction_read_only is on for this database",
    ),
    "read-only options": (_by_options, "read-only: default_transaction_read_only is on by DATABASE_URL or PGOPTIONS"),
    "read-only server": (_by_server, "read-only: default_transaction_read_only is on for the whole server"),
    "hot standby": (_by_standby, "read-only: a standby answers"),
}
"""How each is made, and what is said of it."""
