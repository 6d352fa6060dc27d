"""Acquire the lease of a run, and send heartbeats while the run works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg2

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.errors import RunInProgressError
from clerk_sync.mirror.sync import runs
from clerk_sync.mirror.sync.runs import HEARTBEAT_S, Kind, LeaseHolder, Run

LOOK_AGAIN_S = 0.5
WAIT_FOR_LEASE_S = 20.0


def acquire(
    transactions: TransactionalConnection,
    kind: Kind,
    *,
    resume: bool,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Run:
    """Return a run that holds the lease. Wait for the lease of a dead run to expire.

    Raises RunInProgressError if the holder sends a heartbeat.
    """
    give_up_at = clock() + WAIT_FOR_LEASE_S
    first_look: LeaseHolder | None = None
    while True:
        run, holder = _try_to_begin(transactions, kind, resume=resume)
        if run is not None:
            return run
        if holder is not None and first_look is None:
            say(f"Run {holder.id} seems to be running. Waiting for its heartbeat …")
            first_look = holder
        if holder is not None and (_is_alive(holder, first_look) or clock() > give_up_at):
            raise RunInProgressError(holder.id, holder.started_at)
        sleep(LOOK_AGAIN_S)


def _try_to_begin(
    transactions: TransactionalConnection, kind: Kind, *, resume: bool
) -> tuple[Run | None, LeaseHolder | None]:
    try:
        holder = runs.find_holder(transactions)
        if holder is not None and not runs.expire_lease(transactions, holder.id):
            transactions.rollback()
            return None, holder
        run = (runs.resume_run(transactions) if resume else None) or runs.begin_run(transactions, kind)
        transactions.commit()
    except psycopg2.IntegrityError:  # another process began in the same moment
        transactions.rollback()
        return None, None
    return run, None


def _is_alive(holder: LeaseHolder, first_look: LeaseHolder | None) -> bool:
    """Return whether the holder sent a heartbeat since the first look, or is a newer run."""
    return first_look is not None and (holder.id != first_look.id or holder.heartbeat_at != first_look.heartbeat_at)


@contextmanager
def heartbeat(connect: ConnectionFactory, run_id: int, *, every_s: float = HEARTBEAT_S) -> Iterator[None]:
    """Send heartbeats until the block ends. They need their own connection: a request to Clerk can take long."""
    stopped = Event()

    def send_all() -> None:
        with TransactionalConnection(connect) as transactions:
            while not stopped.wait(every_s):
                try:
                    runs.send_heartbeat(transactions, run_id)
                    transactions.commit()
                except psycopg2.Error:
                    # A short outage costs one heartbeat. If it lasts, the run itself fails.
                    transactions.close()

    thread = Thread(target=send_all, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=1)
