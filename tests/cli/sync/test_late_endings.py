"""What happens at the very end of a run: whatever is heard too late does not belie what was done."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from clerk_sync.cli.sync.sync_runner import Report, SyncOptions, perform
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.emulator import LocalClerk
from clerk_sync.extensions import services
from clerk_sync.mirror.sync.runs import Status
from clerk_sync.mirror.sync.steps import Step
from tests.local_clerk import Command, Query, tombstones

LAST_STATUS = "SELECT status FROM sync_runs ORDER BY id DESC LIMIT 1"


class Nobody:
    """An audience that is not there."""

    def hear(self, sentence: str) -> None:
        pass

    def see(self, report: Report, step: Step) -> None:
        pass


@pytest.mark.parametrize("moment", ["after the burial", "after the end"])
def test_an_interrupt_that_is_heard_too_late_does_not_belie_what_was_done(
    clerk: LocalClerk, clerk_app: Flask, sync: Command, query: Query, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Ctrl-C while COMMIT waits for the disk is heard when it has taken effect."""
    clerk.users.seed(20)
    sync()
    clerk.users.delete(clerk.users.snapshot()[3].id)
    commit, heard = TransactionalConnection.commit, threading.Event()

    def commit_and_hear(transactions: TransactionalConnection) -> None:
        commit(transactions)
        it_is_time = tombstones(query) if moment == "after the burial" else query(LAST_STATUS) == [("done",)]
        if it_is_time and not heard.is_set() and query("SELECT count(*) FROM sync_runs") == [(2,)]:
            heard.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(TransactionalConnection, "commit", commit_and_hear)
    with clerk_app.app_context():
        report = perform(services(), SyncOptions(), Nobody())
    assert heard.is_set()
    assert report.counts.deleted == len(tombstones(query)) == 1
    assert [(report.result.status,)] == query(LAST_STATUS)


def test_a_run_that_was_taken_for_dead_before_its_end_is_not_done(
    clerk: LocalClerk, clerk_app: Flask, query: Query
) -> None:
    clerk.users.seed(3)

    class Taker(Nobody):
        def see(self, report: Report, step: Step) -> None:
            if report.counts.seen == 3:
                query("UPDATE sync_runs SET status = 'lost', ended_at = now()")

    with clerk_app.app_context():
        report = perform(services(), SyncOptions(), Taker())
    assert (report.result.status, report.result.exit_code) == (Status.LOST, 3)
    assert query(LAST_STATUS) == [("lost",)]
