"""A local Clerk, an application that is pointed at it, and the sync command between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.transport import Transport, limiter_for
from clerk_sync.emulator import LocalClerk
from clerk_sync.services import services
from tests.clerk.api.scripted_api import FakeTime
from tests.conftest import ROOT

Query = Callable[..., list[tuple[Any, ...]]]

SEQUENTIAL = ("--workers", "1")
"""Arguments of a sync that asks Clerk for one page after the other."""

# A shell that runs tests in the background lets them, and so their children, ignore Ctrl-C.
FLASK = "import signal, flask.cli; signal.signal(signal.SIGINT, signal.default_int_handler); flask.cli.main()"


@pytest.fixture
def clerk() -> Iterator[LocalClerk]:
    """A Clerk of our own; its webhooks lead nowhere."""
    with LocalClerk.start() as clerk:
        yield clerk


@pytest.fixture
def clerk_app(make_app: Callable[..., Flask], clerk: LocalClerk) -> Flask:
    """The application with that Clerk's secret key."""
    return make_app(secret_key=clerk.secret_key, api_url=clerk.url)


@pytest.fixture
def fake_time(clerk_app: Flask) -> FakeTime:
    """A clock for the application's way to Clerk that only its own waiting moves."""
    fake = FakeTime()
    settings = services_of(clerk_app).settings
    time_: dict[str, Any] = {"clock": fake.clock, "sleep": fake.sleep}
    limiter = limiter_for(settings.secret_key or "", **time_)
    transport = Transport(settings.api_url, settings.secret_key or "", limiter=limiter, jitter=lambda: 1.0, **time_)
    services_of(clerk_app).__dict__["clerk"] = ClerkApi(transport)
    return fake


def services_of(app: Flask) -> Any:
    with app.app_context():
        return services()


@dataclass
class Ran:
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.stdout)
        return report

    def __getitem__(self, key: str) -> Any:
        return self.report[key]


Command = Callable[..., Ran]


@pytest.fixture
def command(clerk_app: Flask) -> Command:
    """Run ``flask sync-clerk …`` in this process."""

    def run(*arguments: str, app: Flask = clerk_app, **options: Any) -> Ran:
        result = app.test_cli_runner().invoke(args=["sync-clerk", *arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def sync(command: Command) -> Command:
    """Run ``flask sync-clerk sync --json …`` in this process."""
    return lambda *arguments, **options: command("sync", "--json", *arguments, **options)


@pytest.fixture
def process(clerk: LocalClerk, clerk_app: Flask, database_url: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``flask sync-clerk …`` as a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, stderr: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[str]:
        flask = [sys.executable, "-c", FLASK, "sync-clerk", *arguments]
        own = {"DATABASE_URL": database_url, "CLERK_SYNC_ENV": "test", "PYTHONWARNINGS": "error"}
        environ = os.environ | own | clerk.environment | environment
        started.append(subprocess.Popen(flask, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=stderr))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def wait_until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    """Return as soon as ``condition`` holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.01)


@contextmanager
def meanwhile(clerk: LocalClerk, act: Callable[[], object], *, after: int = 1, **fault: Any) -> Iterator[None]:
    """Let ``act`` happen at Clerk while it holds back one page: the one behind the first ``after``."""
    held = clerk.faults.add("/v1/users", after=after, delay_s=0.3, **fault)

    def wait_and_act() -> None:
        wait_until(lambda: held.struck)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    yield
    thread.join()


def delete_at_clerk(clerk: LocalClerk, number: int, *, start: int = 0) -> list[str]:
    """Delete so many of Clerk's users, beginning with the one at ``start``; return their ids."""
    gone = [user.id for user in clerk.users.snapshot()[start : start + number]]
    for clerk_id in gone:
        clerk.users.delete(clerk_id)
    return gone


def rows_of(query: Query) -> dict[str, tuple[Any, ...]]:
    """Return what the mirror holds of its live users."""
    rows = query(
        "SELECT clerk_id, email, first_name, last_name, username, image_url, banned, clerk_created_at,"
        " clerk_updated_at FROM users WHERE deleted_at IS NULL"
    )
    return {row[0]: row[1:] for row in rows}


def rows_at(clerk: LocalClerk) -> dict[str, tuple[Any, ...]]:
    """Return what the mirror should hold, read from Clerk's own state and not through its API."""
    return {
        user.id: (
            user.primary_email,
            user.first_name,
            user.last_name,
            user.username,
            user.image_url,
            user.banned or user.deprovisioned,
            user.created_at,
            user.updated_at,
        )
        for user in clerk.users.snapshot()
    }


def tombstones(query: Query) -> set[str]:
    return {clerk_id for (clerk_id,) in query("SELECT clerk_id FROM users WHERE deleted_at IS NOT NULL")}


def versions(query: Query) -> list[tuple[Any, ...]]:
    """Return the row versions of all users: they change with every write."""
    return query("SELECT clerk_id, xmin, ctid FROM users ORDER BY clerk_id")
