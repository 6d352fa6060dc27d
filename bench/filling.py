"""One run of ``flask sync-clerk sync``, from the start of its process to the end, and its cost in each process."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench import machine
from bench.running import Running, take_tally
from bench.stage import Database, MeasurementSpoiled, production
from tests.stage.postgres import run_statement
from tests.stage.service import ROOT

SECRET_KEY = "sk_live_" + "bench" * 8
PAGE = 500
POLL_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Filling:
    """A run that synced ``users`` users.

    ``start_s`` is the time before its first request. Requests beyond ``requests_needed`` are overhead.
    """

    users: int
    seconds: float
    start_s: float
    cpu_s: float
    database_cpu_s: float
    stand_in_cpu_s: float
    peak_mib: float
    requests: int
    refused: int
    inserted: int
    unchanged: int
    disturbance: machine.Disturbance

    @property
    def users_per_s(self) -> float:
        """Users for each second of the whole run, including the start of the process."""
        return self.users / self.seconds

    @property
    def requests_needed(self) -> int:
        """The number of full pages that hold the users."""
        return math.ceil(self.users / PAGE)


def fill(database: Database, url: str, clerk: Running, users: int, log: Path, *arguments: str) -> Filling:
    """Run sync on the mirror at ``url``; raise MeasurementSpoiled unless it then holds the stand-in's ``users``."""
    environment = production(url, CLERK_API_URL=f"http://127.0.0.1:{clerk.port}", CLERK_SECRET_KEY=SECRET_KEY)
    command = [sys.executable, "-m", "flask", "sync-clerk", "sync", "--json", "--no-progress", *arguments]
    database.settle()
    take_tally(clerk)
    database_before_s, commands_before_s = machine.cpu_s(database.pid), machine.ended_children_cpu_s()
    with machine.watch(database.pid, clerk.pid) as disturbance, log.open("ab") as errors:
        started_at = time.time()
        with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors) as process:
            peak_mib = _wait(process)
            assert process.stdout is not None, "requested above"
            said = process.stdout.read()
        seconds = time.time() - started_at
    tally = take_tally(clerk)
    report = _read_report(said, process.returncode, log)
    _check_mirror(url, users)
    return Filling(
        users=users,
        seconds=seconds,
        start_s=tally["first_at"] - started_at,
        cpu_s=machine.ended_children_cpu_s() - commands_before_s,
        database_cpu_s=machine.cpu_s(database.pid) - database_before_s,
        stand_in_cpu_s=tally["cpu_s"],
        peak_mib=peak_mib,
        requests=tally["requests"],
        refused=tally["refused"],
        inserted=report["inserted"],
        unchanged=report["unchanged"],
        disturbance=disturbance,
    )


def _wait(process: subprocess.Popen[bytes]) -> float:
    """Wait for the process to end and return its peak memory.

    It polls, because the kernel's own figure at the end includes the moment before exec, when the process was a copy
    of this one.
    """
    peak_mib = 0.0
    while process.poll() is None:
        peak_mib = machine.find_peak_mib(process.pid) or peak_mib
        time.sleep(POLL_S)
    return peak_mib


def _read_report(said: bytes, exit_code: int, log: Path) -> dict[str, Any]:
    if exit_code:
        raise MeasurementSpoiled(f"sync ended with {exit_code}; {log} ends with\n{log.read_text()[-2000:]}")
    report: dict[str, Any] = msgspec.json.decode(said)
    return report


def _check_mirror(url: str, users: int) -> None:
    found = run_statement(url, "SELECT count(*) FROM users WHERE deleted_at IS NULL AND clerk_updated_at > 0")
    if found != [(users,)]:
        raise MeasurementSpoiled(f"after sync the mirror holds {found[0][0]} users, not {users}")
