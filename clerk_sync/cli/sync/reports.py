"""The report of a run for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from clerk_sync.cli.group import INTERRUPTED
from clerk_sync.cli.sync.sync_runner import Report
from clerk_sync.mirror.merge.diff import Change
from clerk_sync.mirror.merge.merge import MergeResult
from clerk_sync.mirror.sync.runs import Status
from clerk_sync.mirror.sync.steps import Step
from clerk_sync.optional import is_installed

_NOT_IN_THE_TABLE = ("exit_code", "reason", "dry_run", "resumed")
_VERBS = {MergeResult.INSERTED: "insert", MergeResult.UPDATED: "update", None: "delete"}


def as_json(report: Report, rows: list[dict[str, Any]] | None = None) -> str:
    """Return the report as one JSON object; its keys are in docs/sync.md."""
    return json.dumps(_values(report) | ({} if rows is None else {"users": rows}), indent=2)


def print_table(report: Report) -> None:
    """Print the report: a table on a terminal, plain lines elsewhere. Why it ended is a sentence of its own."""
    title = "Dry run: nothing was changed" if report.dry_run else None
    rows: list[tuple[str, str]] = []
    for name, value in _values(report).items():
        if value is None or (name.startswith("would_") and not value) or name in _NOT_IN_THE_TABLE:
            continue
        rows.append((name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)))
    print_rows(rows, title=title)


def print_rows(rows: Sequence[tuple[str, str]], *, title: str | None = None) -> None:
    """Print names and values to stdout: a table on a terminal with rich, plain lines elsewhere."""
    if not (sys.stdout.isatty() and is_installed("rich")):
        for line in ([title] if title else []) + [f"{name}: {value}" for name, value in rows]:
            click.echo(line)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, Text(value))  # as it is: a str may hold markup
    Console(soft_wrap=True).print(table)


def rows_of(step: Step) -> list[dict[str, Any]]:
    """Return what a dry run would do with each user, in names of fields only, and who could not be read."""
    rows = [_row_of(change) for change in step.changes if change.merged in _VERBS]
    return rows + [{"action": "fail", "clerk_id": each.clerk_id, "reason": each.reason} for each in step.failures]


def line_of(row: dict[str, Any]) -> str:
    """Return a row as a line of text."""
    detail = ", ".join(row.get("fields", ())) or row.get("reason")
    return f"{row['action']} {row['clerk_id'] or '(no id)'}" + (f": {detail}" if detail else "")


def print_result(report: Report) -> None:
    """Print to stderr why the run ended, what remains of an incomplete run, and how to resume it."""
    result = report.result
    if result.reason:
        click.echo(f"{result.status.capitalize()}: {result.reason}.", err=True)
    if result.status is Status.DONE:
        return
    if report.run_id is not None and not report.counts.deleted:
        click.echo("Merged users stay; no user was deleted.", err=True)
    if report.can_be_resumed and (result.exit_code == INTERRUPTED or result.status is Status.FAILED):
        click.echo("Resume with: flask sync-clerk sync --resume", err=True)


def _values(report: Report) -> dict[str, Any]:
    counts = asdict(report.counts)
    missing = counts.pop("missing")
    left = missing - counts["deleted"] if report.run_id is None or not counts["deleted"] else 0
    planned = {"would_insert": 0, "would_update": 0, "would_delete": left}
    if report.dry_run:
        planned |= {"would_insert": counts["inserted"], "would_update": counts["updated"]}
        counts |= {"inserted": 0, "updated": 0}
    return {
        "run_id": report.run_id,
        "status": report.result.status.value,
        "exit_code": report.result.exit_code,
        "reason": report.result.reason,
        "dry_run": report.dry_run,
        "resumed": report.resumed,
        "instance_id": report.instance_id,
        **counts,
        **planned,
        "seconds": round(report.seconds, 3),
    }


def _row_of(change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {"action": _VERBS[change.merged], "clerk_id": change.clerk_id}
    return row | ({"fields": list(change.fields)} if change.fields else {})
