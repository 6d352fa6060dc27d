"""Shows a run on the terminal: its progress, and the rows of a dry run."""

from __future__ import annotations

from typing import Any

import click

from clerk_sync.clerk.api.user_pages import UnusableUser
from clerk_sync.cli.sync.progress import Display
from clerk_sync.cli.sync.reports import line_of, rows_of
from clerk_sync.cli.sync.sync_runner import Report
from clerk_sync.mirror.sync.steps import Step

MOST_FAILURES = 20


class TerminalObserver:
    """Shows progress. Of a verbose dry run it prints each row at once, or appends it to ``rows``."""

    def __init__(self, display: Display, *, verbose: bool, rows: list[dict[str, Any]] | None = None) -> None:
        self._display = display
        self._verbose = verbose
        self._rows = rows
        self._failures = 0

    def show_message(self, text: str) -> None:
        """Show a message."""
        self._display.show_message(text)

    def show_step(self, report: Report, step: Step) -> None:
        """Show how far the run has come, and what the step would have changed."""
        self._display.show_progress(report)
        for failure in step.failures:
            self._show_failure(failure)
        if not self._verbose:
            return
        if self._rows is not None:
            self._rows.extend(rows_of(step))
            return
        for row in rows_of(step):
            click.echo(line_of(row))

    def _show_failure(self, failure: UnusableUser) -> None:
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self._display.show_message(f"{failure.clerk_id or 'A user without a readable id'}: {failure.reason}")
        elif self._failures == MOST_FAILURES + 1:
            self._display.show_message("More users failed; --dry-run --verbose names them all.")
