"""Measure the cost of one event: ``python -m tests.deploy.measure [EVENTS]`` prints the figures of docs/scale.md.

Two web workers on an embedded PostgreSQL take new versions of a thousand users over four connections.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # comes with the embedded PostgreSQL, without types

from clerk_sync.emulator import LocalClerk
from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.migrations import migrate
from tests.stage.postgres import PostgresServer, run_statement
from tests.stage.service import Service, environment_for

EVENTS = 20_000
USERS = 1000
SENDERS = 4
WARM_UP = 200

Signed = tuple[bytes, dict[str, str]]


def main() -> None:
    """Measure, and print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    postgres = PostgresServer(waits_for_disk=True)
    try:
        url = migrate(postgres.create_database("measure"))
        with (
            LocalClerk.start() as clerk,
            tempfile.TemporaryDirectory() as directory,
            Service(environment_for(clerk, url), Path(directory) / "log") as service,
        ):
            secret = clerk.environment["CLERK_WEBHOOK_SIGNING_SECRET"]
            send(service, [signed_event(number, secret) for number in range(WARM_UP)])
            measure(service, url, [signed_event(WARM_UP + number, secret) for number in range(count)])
    finally:
        postgres.close()


def measure(service: Service, url: str, events: list[Signed]) -> None:
    ((position,),) = run_statement(url, "SELECT pg_current_wal_insert_lsn()")
    ((inbox,),) = run_statement(url, "SELECT pg_total_relation_size('webhook_events')")
    started, service_cpu, postgres_cpu = time.monotonic(), cpu_s(service.workers), cpu_s(family_of(url))
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda part: send(service, part), [events[start::SENDERS] for start in range(SENDERS)]))
    took_s, count = time.monotonic() - started, len(events)
    cost_us = (cpu_s(service.workers) - service_cpu) / count * 1e6
    postgres_us = (cpu_s(family_of(url)) - postgres_cpu) / count * 1e6
    ((wal,),) = run_statement(url, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", (position,))
    ((grown,),) = run_statement(url, "SELECT pg_total_relation_size('webhook_events') - %s", (inbox,))
    ((connections,),) = run_statement(
        url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'clerk_sync'"
    )
    say("events", f"{count} in {took_s:.1f} s, {count / took_s:.0f} a second")
    say("CPU of the service, an event", f"{cost_us:.0f} µs")
    say("CPU of PostgreSQL, an event", f"{postgres_us:.0f} µs")
    say("WAL, an event", f"{wal / count:.0f} bytes")
    say("inbox, 100,000 events", f"{grown / count / 10:.1f} MB")
    say("connections of two workers", str(connections))


def signed_event(number: int, secret: str) -> Signed:
    at_ms = 1_700_000_000_000 + number
    user = clerk_user(f"user_{number % USERS:027}", first_name=f"Grace {number}", updated_at=at_ms)
    body = json.dumps(clerk_event("user.updated", user, timestamp=at_ms)).encode()
    return body, sign_delivery(body, f"msg_{uuid.uuid4().hex[:27]}", secret) | {"Content-Type": "application/json"}


def send(service: Service, events: list[Signed]) -> None:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    for body, headers in events:
        connection.request("POST", "/api/webhooks/clerk", body, headers)
        answer = connection.getresponse()
        assert json.loads(answer.read()) == {"outcome": "applied"}
    connection.close()


def family_of(url: str) -> list[int]:
    """Return the process ids of the PostgreSQL server behind ``url``: the checkpointer's parent and its children."""
    ((checkpointer,),) = run_statement(url, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    postmaster = psutil.Process(checkpointer).parent()
    return [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]


def cpu_s(processes: list[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in processes if psutil.pid_exists(pid))


def say(what: str, value: str) -> None:
    sys.stdout.write(f"{what:<32}{value}\n")


if __name__ == "__main__":
    main()
