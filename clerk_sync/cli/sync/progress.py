"""Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import click

from clerk_sync.optional import is_installed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from clerk_sync.cli.sync.sync_runner import Report

EVERY_S = 5.0


class Display(Protocol):
    """Shows how far a run has come, as a context manager."""

    def __enter__(self) -> Display: ...

    def __exit__(self, *_: object) -> None: ...

    def show_message(self, text: str) -> None:
        """Show a message."""

    def show_progress(self, report: Report) -> None:
        """Show how far the run has come."""


def choose_display(*, quiet: bool) -> Display:
    """Return a bar for a terminal, lines for a file, a pipe or without rich, and only messages if ``quiet``."""
    if quiet:
        return MessagesOnly()
    return Bar() if sys.stderr.isatty() and is_installed("rich") else Lines()


class MessagesOnly:
    """Prints messages, and no progress."""

    def __enter__(self) -> MessagesOnly:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show_message(self, text: str) -> None:
        """Print the message."""
        click.echo(text, err=True)

    def show_progress(self, report: Report) -> None:
        """Show nothing."""


class Lines(MessagesOnly):
    """A line every few seconds: for logs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, every_s: float = EVERY_S) -> None:
        self._clock = clock
        self._every_s = every_s
        self._started_at = self._last_at = clock()

    def show_progress(self, report: Report) -> None:
        """Print a line, unless the last one is fresh."""
        now = self._clock()
        if now - self._last_at < self._every_s:
            return
        self._last_at = now
        rate = report.counts.seen / max(now - self._started_at, 0.001)
        seen = report.seen_before + report.counts.seen
        total = f" of {report.expected:,}" if report.expected else ""
        click.echo(f"{seen:,}{total} users, {rate:,.0f}/s{_changes(report)}", err=True)


class Bar:
    """A bar with users, rate, time left and what has changed."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

        self._stack = ExitStack()
        self._progress: Progress = Progress(
            SpinnerColumn("line"),  # in ASCII
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} users"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[changes]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._started_at = time.monotonic()

    def __enter__(self) -> Bar:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def show_message(self, text: str) -> None:
        """Print the message above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)

    def show_progress(self, report: Report) -> None:
        """Move the bar."""
        if report.expected is None:
            return
        seen = report.seen_before + report.counts.seen
        total = max(report.expected, seen)
        if self._task is None:
            self._task = self._progress.add_task("", total=total, rate=0.0, changes="")
        rate = report.counts.seen / max(time.monotonic() - self._started_at, 0.001)
        self._progress.update(self._task, completed=seen, total=total, rate=rate, changes=_changes(report))


def _changes(report: Report) -> str:
    counts = report.counts
    named = {
        "new": counts.inserted,
        "changed": counts.updated,
        "missing": counts.missing,
        "deleted": counts.deleted,
        "failed": counts.failed,
    }
    return "".join(f", {number:,} {name}" for name, number in named.items() if number)
