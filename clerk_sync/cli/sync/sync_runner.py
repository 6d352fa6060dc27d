"""Run a sync: commit each step, and only while the run holds the lease."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import psycopg2

from clerk_sync.cli.sync.lease import acquire, heartbeat
from clerk_sync.cli.sync.run_result import DONE, FAILURES, Misconfigured, RunResult, result_of, users
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.mirror.errors import LeaseLostError
from clerk_sync.mirror.sync import runs
from clerk_sync.mirror.sync.limits import DEFAULT_WORKERS, DeleteLimit, read_clock, read_limits
from clerk_sync.mirror.sync.run import ClerkSource, reconcile
from clerk_sync.mirror.sync.runs import Kind, Status
from clerk_sync.mirror.sync.steps import Counts, Step
from clerk_sync.mirror.sync.targets import READ_ONLY, SYNC_SETTINGS, DryRun, MirrorWriter
from clerk_sync.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What the operator asked for."""

    clerk_ids: tuple[str, ...] = ()
    dry_run: bool = False
    resume: bool = False
    workers: int = DEFAULT_WORKERS
    delete_limit: DeleteLimit = field(default_factory=DeleteLimit)


@dataclass(slots=True)
class Report:
    """The report of a run, complete when the run has ended."""

    dry_run: bool
    run_id: int | None = None
    resumed: bool = False
    instance_id: str | None = None
    expected: int | None = None
    seen_before: int = 0
    counts: Counts = field(default_factory=Counts)
    can_be_resumed: bool = False
    result: RunResult = field(default_factory=partial(RunResult, Status.RUNNING, FAILURES, None))
    seconds: float = 0.0

    def add(self, step: Step) -> None:
        """Count a step."""
        self.counts += step.counts
        self.instance_id = step.instance_id or self.instance_id
        if step.checkpoint is not None:
            self.expected = step.checkpoint.expected
            self.can_be_resumed = not self.dry_run


class Observer(Protocol):
    """Watches a run."""

    def show_message(self, text: str) -> None:
        """Show a message."""

    def show_step(self, report: Report, step: Step) -> None:
        """Show a step that was committed."""


def perform(services: Services, options: SyncOptions, observer: Observer) -> Report:
    """Run a sync and return its report. An expected error becomes the report's result, not an exception."""
    report = Report(dry_run=options.dry_run)
    started_at = time.monotonic()
    try:
        with TransactionalConnection(services.connect, READ_ONLY if options.dry_run else SYNC_SETTINGS) as transactions:
            work = _compare if options.dry_run else _merge
            work(transactions, services, options, report, observer)
            _complete(transactions, report)
    except BaseException as error:
        result = result_of(error)
        report.result = result or RunResult(Status.FAILED, FAILURES, type(error).__name__)
        # On another connection: this one may be lost, or interrupted in the middle of a statement. Without a database
        # there is nothing to write to; the lease then expires.
        with suppress(psycopg2.Error), TransactionalConnection(services.connect) as transactions:
            if _end(transactions, report) is Status.DONE and report.run_id is not None:
                report.result = _result_of_a_complete_run(report)  # The run was complete before the interrupt arrived.
        if result is None:
            raise
    finally:
        report.seconds = time.monotonic() - started_at
    return report


def _compare(
    transactions: TransactionalConnection, services: Services, options: SyncOptions, report: Report, observer: Observer
) -> None:
    source = source_of(services)
    limits = read_limits(transactions, options.delete_limit, before=read_clock(transactions), workers=options.workers)
    transactions.rollback()
    target = DryRun(transactions)
    with closing(reconcile(transactions, source, target, limits, clerk_ids=options.clerk_ids)) as steps:
        for step in steps:
            transactions.rollback()
            _count_and_show(report, step, observer)


def _merge(
    transactions: TransactionalConnection, services: Services, options: SyncOptions, report: Report, observer: Observer
) -> None:
    source = source_of(services)
    kind = Kind.USERS if options.clerk_ids else Kind.ALL
    run = acquire(transactions, kind, resume=options.resume, say=observer.show_message)
    report.run_id = run.id
    report.resumed = run.checkpoint is not None
    report.seen_before = run.checkpoint.seen if run.checkpoint else 0
    if options.resume and not report.resumed:
        observer.show_message("Nothing to resume: this run starts from the beginning.")
    with heartbeat(services.connect, run.id):
        limits = read_limits(transactions, options.delete_limit, before=run.started_at, workers=options.workers)
        transactions.commit()
        target = MirrorWriter(transactions, run.id)
        run_steps = reconcile(
            transactions, source, target, limits, clerk_ids=options.clerk_ids, checkpoint=run.checkpoint
        )
        with closing(run_steps) as steps:
            for step in steps:
                runs.save_checkpoint(transactions, run.id, step.counts, step.checkpoint)
                transactions.commit()
                _count_and_show(report, step, observer)


def _count_and_show(report: Report, step: Step, observer: Observer) -> None:
    report.add(step)
    observer.show_step(report, step)


def source_of(services: Services) -> ClerkSource:
    """Return the source of users; raise Misconfigured if there is no secret key."""
    api, settings = services.clerk, services.settings
    if api is None or settings.secret_key is None:
        raise Misconfigured("CLERK_SECRET_KEY is not set: Clerk's dashboard shows it under API keys")
    return ClerkSource(api, api.get_instance, settings.secret_key)


def _complete(transactions: TransactionalConnection, report: Report) -> None:
    """End a complete run; raise LeaseLostError if another run has taken its lease."""
    report.result = _result_of_a_complete_run(report)
    if _end(transactions, report) is not Status.DONE and report.run_id is not None:
        raise LeaseLostError(report.run_id)


def _result_of_a_complete_run(report: Report) -> RunResult:
    failures = report.counts.failed
    reason = f"{users(failures)} could not be read" if failures else None
    return RunResult(Status.DONE, FAILURES if failures else DONE, reason)


def _end(transactions: TransactionalConnection, report: Report) -> Status:
    """Store how the run ended, unless it is stored already, and return the stored status."""
    if report.run_id is None:
        return report.result.status
    ended = runs.end_run(transactions, report.run_id, report.result.status, report.result.reason)
    transactions.commit()
    # An interrupt may have come between a step's commit and its report.
    report.counts = replace(report.counts, deleted=ended.deleted)
    return ended.status
