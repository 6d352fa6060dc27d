"""``flask sync-clerk check``: compare the mirror with Clerk."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from clerk_sync.cli.group import INTERRUPTED

if TYPE_CHECKING:
    from clerk_sync.db.transaction import SqlExecutor, TransactionalConnection
    from clerk_sync.mirror.reporting.drift import Drift
    from clerk_sync.services import Services

IN_STEP, DRIFT, CANNOT_TELL = 0, 1, 2


@click.command()
@click.option("--quick", is_flag=True, help="Send three requests: compare counts and the newest users only.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=24, show_default=True, help="Number of parallel requests."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON object.")
@with_appcontext
def check(*, quick: bool, workers: int, as_json: bool) -> None:
    """Compare the mirror with Clerk and report the differences. Nothing is changed.

    Exit status: 0 in step; 1 drift; 2 the check failed.
    """
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.mirror.sync.targets import READ_ONLY
    from clerk_sync.services import services

    with TransactionalConnection(services().connect, READ_ONLY) as transactions:
        report, exit_code = _check(transactions, services(), quick=quick, workers=workers)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    elif "unreadable" in report:  # else nothing was measured
        _print_table(report)
    if report["reason"]:
        click.echo(f"The check failed: {report['reason']}.", err=True)
    sys.exit(exit_code)


def _check(
    transactions: TransactionalConnection, services: Services, *, quick: bool, workers: int
) -> tuple[dict[str, Any], int]:
    from clerk_sync.cli.sync.run_result import result_of, users

    started_at = time.monotonic()
    report: dict[str, Any] = {"in_step": None, "quick": quick, "reason": None}
    try:
        drift = _measure(transactions, services, quick=quick, workers=workers)
        transactions.rollback()
        report |= asdict(drift) | _read_state(transactions)
        exit_code = _exit_code(drift)
        if exit_code == CANNOT_TELL:
            report["reason"] = f"{users(drift.unreadable)} could not be read"
        else:
            report["in_step"] = drift.is_in_step
    except BaseException as error:
        result = result_of(error)
        if result is None:
            raise
        exit_code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else CANNOT_TELL
        report["reason"] = result.reason
    return report | {"exit_code": exit_code, "seconds": round(time.monotonic() - started_at, 3)}, exit_code


def _exit_code(drift: Drift) -> int:
    if not drift.is_in_step:
        return DRIFT
    return CANNOT_TELL if drift.unreadable else IN_STEP


def _measure(transactions: TransactionalConnection, services: Services, *, quick: bool, workers: int) -> Drift:
    from contextlib import closing

    from clerk_sync.cli.sync.sync_runner import source_of
    from clerk_sync.mirror.reporting.drift import Drift
    from clerk_sync.mirror.reporting.quick_check import quick_check
    from clerk_sync.mirror.sync.limits import DeleteLimit, read_clock, read_limits
    from clerk_sync.mirror.sync.run import reconcile
    from clerk_sync.mirror.sync.targets import DryRun

    source = source_of(services)
    # Nothing is deleted here, so the delete limit must not refuse.
    no_limit = DeleteLimit(number=0, percent=100.0)
    limits = read_limits(transactions, no_limit, before=read_clock(transactions), workers=workers)
    transactions.rollback()
    if quick:
        return quick_check(transactions, source, limits)
    drift = Drift(mirror_users=limits.live)
    with closing(reconcile(transactions, source, DryRun(transactions), limits)) as steps:
        for step in steps:
            transactions.rollback()
            drift.add(step)
    return drift


def _read_state(transaction: SqlExecutor) -> dict[str, Any]:
    from msgspec import to_builtins

    from clerk_sync.mirror.reporting.status import read_state

    state = read_state(transaction)
    return {
        "parked": state.parked,
        "last_event_at": to_builtins(state.last_event.received_at) if state.last_event else None,
        "last_event_age_seconds": _age_s(transaction, state.last_event.received_at) if state.last_event else None,
        "last_run": to_builtins(state.last_run) if state.last_run else None,
    }


def _age_s(transaction: SqlExecutor, instant: Any) -> int:
    from clerk_sync.mirror.sync.limits import read_clock

    return int((read_clock(transaction) - instant).total_seconds())


def _print_table(report: dict[str, Any]) -> None:
    from clerk_sync.cli.sync.reports import print_rows

    last_run = report.get("last_run")
    values = report | {"last_run": f"{last_run['status']}, {last_run['started_at']}" if last_run else None}
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if name in ("reason", "exit_code") or value is None:
            continue
        is_count = isinstance(value, int) and not isinstance(value, bool)
        rows.append((name.replace("_", " "), f"{value:,}" if is_count else str(value)))
    print_rows(rows)
