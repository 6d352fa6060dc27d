"""What measurements need: their own PostgreSQL with migrated databases, and production settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer, run_statement

TEMPLATE = "bench_template"
ORIGIN = "https://shop.example.com"

Environment = dict[str, str]


class MeasurementSpoiled(Exception):
    """The measured program did not start or gave wrong results, so its speed means nothing."""


@dataclass(frozen=True)
class Database:
    """A PostgreSQL server for this run, with its defaults: it waits for the disk."""

    server: PostgresServer
    pid: int

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Database]:
        """Start it with a migrated template. Raise MeasurementSpoiled if it does not wait for the disk."""
        with closing(PostgresServer(waits_for_disk=True)) as server:
            durable = run_statement(
                server.url(), "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
            )
            if durable != [("on", "on")]:
                raise MeasurementSpoiled(f"fsync and synchronous_commit are {durable}; both must be on")
            migrate(server.create_database(TEMPLATE))
            directory = run_statement(server.url(), "SHOW data_directory")[0][0]
            yield cls(server, int(Path(directory, "postmaster.pid").read_text().split()[0]))

    @property
    def version(self) -> str:
        """The server's version."""
        return str(run_statement(self.server.url(), "SHOW server_version")[0][0])

    def create(self, name: str) -> str:
        """Create a migrated, empty database and return its URL."""
        return self.server.create_database(name, TEMPLATE)

    def settle(self) -> None:
        """Write dirty pages to disk now, so that PostgreSQL does not write them during a measurement."""
        run_statement(self.server.url(), "CHECKPOINT")


def production(database_url: str, **settings: str) -> Environment:
    """Return the environment of a production deployment with ``settings``, without this shell's settings."""
    ours = ("CLERK_", "FLASK_", "PG", "GRANIAN_", "PYTHON", "PROMETHEUS_")
    # PYTHONPATH stays: it selects which checkout is measured.
    foreign = {name: value for name, value in os.environ.items() if name == "PYTHONPATH" or not name.startswith(ours)}
    return {
        **foreign,
        "CLERK_SYNC_ENV": "production",
        "CLERK_AUTHORIZED_PARTIES": ORIGIN,
        "DATABASE_URL": database_url,
        "METRICS_TOKEN": "bench",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # Ignore the developer's .env file.
        "FLASK_SKIP_DOTENV": "1",
        **settings,
    }
