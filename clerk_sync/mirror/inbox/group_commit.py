"""Group commit for deliveries: those that arrive while others are being written are written together.

A commit waits for the disk, and costs PostgreSQL as much as what it commits. So one group at a time is under way:
whoever comes alone is written at once, whoever comes meanwhile waits for the group that is next, and the first of those
who wait leads it. Each delivery is answered when the transaction that holds it is on the disk.
"""

from __future__ import annotations

from threading import Lock

import psycopg2

from clerk_sync.clerk.webhooks.events import Event
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery
from clerk_sync.db.pool import AutocommitPool, PoolExhaustedError
from clerk_sync.mirror.inbox.apply import ApplyResult, InboundEvent, apply_batch, apply_one
from clerk_sync.mirror.inbox.outcome import Outcome

_CHANGES_NOTHING = (Outcome.UNCHANGED, Outcome.STALE, Outcome.IGNORED)


class GroupCommit:
    """Takes deliveries into the mirror, from any number of threads."""

    def __init__(self, statements: AutocommitPool) -> None:
        self._statements = statements
        self._lock = Lock()
        self._waiting: list[PendingDelivery] = []
        self._is_busy = False

    def receive(self, delivery: VerifiedDelivery, event: Event) -> Outcome:
        """Apply ``event`` and leave a row for ``delivery`` in the inbox, in one transaction; return what happened.

        Raises psycopg2's errors, and PoolExhausted; then nothing is remembered.
        """
        ticket = PendingDelivery(InboundEvent.of(delivery, event))
        with self._lock:
            self._waiting.append(ticket)
            ticket.leads, self._is_busy = not self._is_busy, True
        if not ticket.leads:
            ticket.call.acquire()
        if ticket.leads:
            self._take_group()
        outcome, _, seen_before = ticket.result() or apply_one(self._statements, ticket.arrival)
        return Outcome.DUPLICATE if seen_before and outcome in _CHANGES_NOTHING else outcome

    def _take_group(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            taken = apply_batch(self._statements, [ticket.arrival for ticket in group])
            for ticket, what in zip(group, taken, strict=True):
                ticket.taken = what
        except Exception as error:
            # That the database does not answer is about all of them. Anything else is about one: each is taken alone.
            if isinstance(error, PoolExhaustedError) or (isinstance(error, psycopg2.Error) and error.pgcode is None):
                for ticket in group:
                    ticket.error = error
        finally:
            self._call(group)

    def _call(self, group: list[PendingDelivery]) -> None:
        """Let the group go, and the next one begin."""
        with self._lock:
            self._is_busy = bool(self._waiting)
            if self._is_busy:
                leader = self._waiting[0]
                leader.leads = True
                leader.call.release()
        for ticket in group:
            ticket.call.release()


class PendingDelivery:
    """A delivery on its way. Its thread waits for the ``call``: it is taken, or it is to lead the next group."""

    __slots__ = ("arrival", "call", "error", "leads", "taken")

    def __init__(self, arrival: InboundEvent) -> None:
        self.arrival = arrival
        self.call = Lock()
        self.call.acquire()
        self.leads = False
        self.taken: ApplyResult | None = None
        self.error: Exception | None = None

    def result(self) -> ApplyResult | None:
        """Return what became of it, or None where it was not taken; raise what came in between."""
        if self.error is not None:
            raise self.error
        return self.taken
