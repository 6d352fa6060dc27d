"""Whoever watches a run: progress for people, and the rows of a dry run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from clerk_sync.cli.progress import Display
from clerk_sync.cli.reports import line_of, rows_of
from clerk_sync.cli.syncing import Report
from clerk_sync.mirror.steps import Step


class Viewer:
    """Shows progress; of a dry run, it prints each row at once or, where ``rows`` is a list, keeps it there."""

    def __init__(self, display: Display, *, verbose: bool, rows: list[dict[str, Any]] | None = None) -> None:
        self._display = display
        self._verbose = verbose
        self._rows = rows

    def hear(self, sentence: str) -> None:
        """Show a sentence."""
        self._display.hear(sentence)

    def see(self, report: Report, step: Step) -> None:
        """Show how far the run has come, and what the step would have changed."""
        self._display.show(report)
        if not self._verbose:
            return
        if self._rows is not None:
            self._rows.extend(rows_of(step))
            return
        for row in rows_of(step):
            click.echo(line_of(row))


@contextmanager
def polite_ending() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: a host that stops a process asks politely first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
