"""``flask sync-clerk sync``: insert missing users, update stale ones, delete removed ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from clerk_sync.cli.arguments import ClerkUserId, MaxDeletes

if TYPE_CHECKING:
    from clerk_sync.mirror.sync.limits import DeleteLimit


@click.command(short_help="Sync users from Clerk: insert missing, update stale, delete removed.")
@click.option("--dry-run", is_flag=True, help="Report what would change, and change nothing.")
@click.option("--verbose", is_flag=True, help="With --dry-run: list each user and field that would change.")
@click.option("--user", "clerk_ids", type=ClerkUserId(), multiple=True, help="Sync only this user; may be repeated.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=24, show_default=True, help="Number of parallel requests."
)
@click.option(
    "--max-deletes", type=MaxDeletes(), help="Most users to delete. [default: 10 or 5% of the live users, the larger]"
)
@click.option("--resume", is_flag=True, help="Resume the last run at its checkpoint.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON object.")
@click.option("--no-progress", is_flag=True, help="Do not show progress.")
@with_appcontext
def sync(
    *,
    dry_run: bool,
    verbose: bool,
    clerk_ids: tuple[str, ...],
    workers: int,
    max_deletes: DeleteLimit | None,
    resume: bool,
    as_json: bool,
    no_progress: bool,
) -> None:
    """Sync users from Clerk: insert missing users, update stale ones, delete removed ones.

    Exit status: 0 done; 1 finished with failures; 2 configuration; 3 refused by a safety guard, nothing was deleted;
    130 interrupted.
    """
    from clerk_sync.cli.sync import reports
    from clerk_sync.cli.sync.progress import choose_display
    from clerk_sync.cli.sync.sync_runner import SyncOptions, perform
    from clerk_sync.cli.sync.terminal_observer import TerminalObserver
    from clerk_sync.mirror.sync.limits import DeleteLimit
    from clerk_sync.services import services

    if verbose and not dry_run:
        raise click.UsageError("--verbose needs --dry-run")
    if resume and (dry_run or clerk_ids):
        raise click.UsageError("--resume cannot be combined with --dry-run or --user")
    options = SyncOptions(
        clerk_ids=clerk_ids,
        dry_run=dry_run,
        resume=resume,
        workers=workers,
        delete_limit=max_deletes or DeleteLimit(),
    )
    rows: list[dict[str, Any]] | None = [] if as_json and verbose else None
    with choose_display(quiet=no_progress) as display:
        observer = TerminalObserver(display, verbose=verbose, rows=rows)
        report = perform(services(), options, observer)
    try:
        if as_json:
            click.echo(reports.as_json(report, rows))
        else:
            reports.print_table(report)
    finally:  # also if the report cannot be written
        reports.print_result(report)
    sys.exit(report.result.exit_code)
