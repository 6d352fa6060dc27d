"""PgBouncer in transaction mode, in front of a PostgreSQL server on a unix socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psycopg2

from tests.stage.service import free_port

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
START_TIMEOUT_S = 10
POLL_S = 0.02

_CONFIGURATION = """
[databases]
* = host={socket_directory}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
auth_type = trust
auth_file = {directory}/users.txt
application_name_add_host = 1
log_connections = 0
log_disconnections = 0
"""


class PgBouncer:
    """A pooler with at most ``pool_size`` server sessions for each database; a context manager."""

    def __init__(self, socket_directory: str, directory: Path, *, pool_size: int, roles: tuple[str, ...]) -> None:
        self.port = free_port()
        self._log = directory / "pgbouncer.log"
        (directory / "users.txt").write_text("".join(f'"{role}" ""\n' for role in roles))
        configuration = directory / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                socket_directory=socket_directory, port=self.port, pool_size=pool_size, directory=directory
            )
        )
        assert PROGRAM is not None, "callers skip where it is not installed"
        self._command = [PROGRAM, str(configuration)]
        if os.geteuid() == 0:  # PgBouncer refuses to run as root, and only the owner can use the socket
            owner = Path(socket_directory).owner()
            self._command[1:1] = ["--user", owner]
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, owner)

    def __enter__(self) -> PgBouncer:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(psycopg2.OperationalError):
                psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
                return self
            time.sleep(POLL_S)
        self._process.kill()
        self._process.wait()
        raise TimeoutError(f"PgBouncer did not start:\n{self._log.read_text()[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def url(self, database: str, role: str = "postgres") -> str:
        """Return the URL of ``database`` through the pooler."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"
