"""The end of a run: a signal that comes too late does not change what the run reports."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from clerk_sync.cli.sync.sync_runner import Report, SyncOptions, perform
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.emulator import LocalClerk
from clerk_sync.mirror.sync.runs import Status
from clerk_sync.mirror.sync.steps import Step
from clerk_sync.services import services
from tests.local_clerk import Command, Query, tombstones

LAST_STATUS = "SELECT status FROM sync_runs ORDER BY id DESC LIMIT 1"


class SilentObserver:
    """An observer that ignores everything."""

    def show_message(self, text: str) -> None:
        pass

    def show_step(self, report: Report, step: Step) -> None:
        pass


@pytest.mark.parametrize("moment", ["after the tombstones", "after the end"])
def test_an_interrupt_after_the_last_commit_does_not_change_the_result(
    clerk: LocalClerk, clerk_app: Flask, sync: Command, query: Query, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Python handles Ctrl-C only after COMMIT has returned."""
    clerk.users.seed(20)
    sync()
    clerk.users.delete(clerk.users.snapshot()[3].id)
    commit, heard = TransactionalConnection.commit, threading.Event()

    def commit_and_hear(transactions: TransactionalConnection) -> None:
        commit(transactions)
        it_is_time = tombstones(query) if moment == "after the tombstones" else query(LAST_STATUS) == [("done",)]
        if it_is_time and not heard.is_set() and query("SELECT count(*) FROM sync_runs") == [(2,)]:
            heard.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(TransactionalConnection, "commit", commit_and_hear)
    with clerk_app.app_context():
        report = perform(services(), SyncOptions(), SilentObserver())
    assert heard.is_set()
    assert report.counts.deleted == len(tombstones(query)) == 1
    assert [(report.result.status,)] == query(LAST_STATUS)


def test_a_run_whose_lease_expired_before_its_end_is_not_done(
    clerk: LocalClerk, clerk_app: Flask, query: Query
) -> None:
    clerk.users.seed(3)

    class Taker(SilentObserver):
        def show_step(self, report: Report, step: Step) -> None:
            if report.counts.seen == 3:
                query("UPDATE sync_runs SET status = 'lost', ended_at = now()")

    with clerk_app.app_context():
        report = perform(services(), SyncOptions(), Taker())
    assert (report.result.status, report.result.exit_code) == (Status.LOST, 3)
    assert query(LAST_STATUS) == [("lost",)]
