"""Group commit: deliveries that arrive during a commit share the next one.

A commit waits for the disk, and costs PostgreSQL as much as the rows that it commits.

1. One batch per worker is in flight. A delivery that arrives alone is written at once, as a batch of one.
2. Deliveries that arrive meanwhile wait. They form the next batch, and the thread of the first of them writes it.
3. Each thread answers its delivery after the transaction of its batch is committed.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import psycopg2
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clerk_sync.clerk.webhooks.events import Event
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery
from clerk_sync.mirror.inbox.apply import ApplyResult, InboundEvent, apply_batch, apply_one
from clerk_sync.mirror.inbox.outcome import Outcome

if TYPE_CHECKING:
    from clerk_sync.db.pool import ConnectionPool

_CHANGES_NOTHING = (Outcome.UNCHANGED, Outcome.STALE, Outcome.IGNORED)


class GroupCommit:
    """Applies deliveries to the mirror. Threads may share it."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._lock = Lock()
        self._waiting: list[PendingDelivery] = []
        self._is_busy = False

    def receive(self, delivery: VerifiedDelivery, event: Event) -> Outcome:
        """Apply ``event`` and add ``delivery`` to the inbox, in one transaction. Return what happened.

        Raises psycopg2's errors, and SQLAlchemy's TimeoutError if the pool is exhausted. Nothing is stored then.
        """
        pending = PendingDelivery(InboundEvent.of(delivery, event))
        with self._lock:
            self._waiting.append(pending)
            pending.is_leader, self._is_busy = not self._is_busy, True
        if not pending.is_leader:
            pending.wake_up.acquire()
        if pending.is_leader:
            self._write_batch()
        outcome, _, seen_before = pending.get_result() or apply_one(self._pool, pending.event)
        return Outcome.DUPLICATE if seen_before and outcome in _CHANGES_NOTHING else outcome

    def _write_batch(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            results = apply_batch(self._pool, [pending.event for pending in batch])
            for pending, result in zip(batch, results, strict=True):
                pending.result = result
        except Exception as error:
            # If the database does not answer, no delivery of the batch can succeed. Any other error may be the fault of
            # one delivery: each thread then applies its own.
            if isinstance(error, PoolTimeout) or (isinstance(error, psycopg2.Error) and error.pgcode is None):
                for pending in batch:
                    pending.error = error
        finally:
            self._finish(batch)

    def _finish(self, batch: list[PendingDelivery]) -> None:
        """Start the next batch, and wake the threads of ``batch``."""
        with self._lock:
            self._is_busy = bool(self._waiting)
            if self._is_busy:
                leader = self._waiting[0]
                leader.is_leader = True
                leader.wake_up.release()
        for pending in batch:
            pending.wake_up.release()


class PendingDelivery:
    """A delivery that is not applied yet. Its thread waits for ``wake_up``: then it has a result, or leads a batch."""

    __slots__ = ("error", "event", "is_leader", "result", "wake_up")

    def __init__(self, event: InboundEvent) -> None:
        self.event = event
        self.wake_up = Lock()  # an Event costs a Condition, which is written in Python
        self.wake_up.acquire()
        self.is_leader = False
        self.result: ApplyResult | None = None
        self.error: Exception | None = None

    def get_result(self) -> ApplyResult | None:
        """Return the result, or None if the delivery must be applied alone; raise the error if the database is down."""
        if self.error is not None:
            raise self.error
        return self.result
