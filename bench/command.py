"""What both bench commands share: options, a fresh database server, and the exit status."""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from bench.peer import compare_with_peer
from bench.report import Table, print_figures, say
from bench.stage import Database, MeasurementSpoiled

INTERRUPTED = 130


class Figures(Protocol):
    """The results of a run."""

    peer: str


F = TypeVar("F", bound=Figures)


def make_parser(program: str, description: str) -> ArgumentParser:
    """Return a parser with the common options; each command adds its own sizes."""
    parser = ArgumentParser(prog=program, description=description)
    parser.add_argument("--quick", action="store_true", help="run for less than a minute: smaller and less exact")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all measurements as a JSON object")
    form.add_argument("--markdown", action="store_true", help="print the tables in Markdown, as in docs/performance.md")
    parser.add_argument(
        "--peer",
        type=Path,
        default=os.environ.get("BENCH_PEER"),
        metavar="PATH",
        help="a folder whose bench.py compares this checkout with another stack; its output is added [$BENCH_PEER]",
    )
    return parser


def at_least_one(text: str) -> int:
    """Return a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def run(
    chosen: Namespace,
    measure: Callable[[Database, Namespace, Path], F],
    tables: Callable[[F], Iterable[Table]],
    *,
    peer_metrics: str,
) -> int:
    """Measure on a fresh database server, print the figures, and return the exit status."""
    try:
        with tempfile.TemporaryDirectory(prefix="clerk_sync_bench_") as directory, Database.start() as database:
            figures = measure(database, chosen, Path(directory))
        figures.peer = compare_with_peer(chosen.peer, peer_metrics, quick=chosen.quick)
    except (MeasurementSpoiled, subprocess.CalledProcessError) as error:
        say(f"no figures: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; all started processes are stopped")
        return INTERRUPTED
    print_figures(figures, tables(figures), chosen)
    return 0
