"""The tables of ``bench.sync``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.report import Table

if TYPE_CHECKING:
    from bench.filling import Filling
    from bench.sync import Figures

OVERHEAD_ALLOWED = 20
HEADER = (
    "",
    "users/s",
    "seconds",
    "to 1st request",
    "peak MiB",
    "CPU s: sync",
    "PostgreSQL",
    "stand-in",
    "requests",
    "needed",
    "refused",
    "",
)


def tables(figures: Figures) -> Iterator[Table]:
    """Yield the tables, ratios first."""
    yield _ratios(figures)
    table = Table("Each run, from the start of its process to the end", HEADER)
    for name, filling in figures.fillings.items():
        table.add(*_row(f"{filling.users:,} users, {name}", filling))
    yield table
    yield _references(figures)


def _ratios(figures: Figures) -> Table:
    found = figures.fillings
    unchanged, parallel, single = found["unchanged"], found["in parallel"], found["one worker"]
    smaller, largest = found["smaller empty mirror"], max(found.values(), key=lambda filling: filling.users)
    allowed = unchanged.requests_needed + OVERHEAD_ALLOWED
    table = Table("Ratios", ["", "figure", "compared with", "ratio"])
    for name in ("empty mirror", "unchanged"):
        _compare(table, f"users/s, {name}; rows/s by COPY", found[name].users_per_s, figures.copied.per_s)
    latency = f"{figures.latency_ms:g} ms a request"
    _compare(table, f"users/s at {latency}, in parallel; with one worker", parallel.users_per_s, single.users_per_s)
    _compare(table, "requests of the unchanged run; allowed", unchanged.requests, allowed)
    memory = f"peak MiB for {largest.users:,} users; for {smaller.users:,}"
    _compare(table, memory, largest.peak_mib, smaller.peak_mib)
    return table


def _compare(table: Table, name: str, figure: float, reference: float) -> None:
    table.add(name, figure, reference, figure / reference)


def _row(name: str, filling: Filling) -> Iterator[object]:
    yield name
    yield filling.users_per_s
    yield filling.seconds
    yield filling.start_s
    yield filling.peak_mib
    yield filling.cpu_s
    yield filling.database_cpu_s
    yield filling.stand_in_cpu_s
    yield filling.requests
    yield filling.requests_needed
    yield filling.refused
    yield str(filling.disturbance)


def _references(figures: Figures) -> Table:
    table = Table("For comparison", ["", "figure", ""])
    name = "COPY into an empty table with the indexes of users, rows/s"
    table.add(name, figures.copied.per_s, str(figures.copied.disturbance))
    table.add("the stand-in alone, one connection, users/s", figures.stand_in.users_per_s)
    table.add("the stand-in, users for each second of its CPU time", figures.stand_in.users_per_cpu_s)
    table.add("machine", figures.machine)
    table.add("PostgreSQL, fsync and synchronous_commit on", figures.postgresql)
    return table
