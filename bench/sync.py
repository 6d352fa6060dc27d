"""How fast ``flask sync-clerk sync`` fills an empty mirror and reads an unchanged one: ``make bench-sync``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.command import at_least_one, make_parser, run
from bench.filling import Filling, fill
from bench.floors import copied_rows_per_s
from bench.machine import Floor, describe, watched
from bench.report import say
from bench.running import stand_in
from bench.stage import Database, MeasurementSpoiled
from bench.stand_in_cost import StandInCost, measure_stand_in
from bench.sync_tables import tables

MILLION = 1_000_000


@dataclass(kw_only=True)
class Figures:
    """The results of a run; ``fillings`` by name, ``copied`` is the rate of COPY."""

    fillings: dict[str, Filling]
    copied: Floor
    stand_in: StandInCost
    latency_ms: float
    machine: str
    postgresql: str
    peer: str = ""


def main(words: Sequence[str] | None = None) -> int:
    """Measure as the command line says, print the figures, and return the exit status."""
    return run(_parse(words), _measure, tables, peer_metrics="backfill")


def _measure(database: Database, chosen: Namespace, directory: Path) -> Figures:
    """Run the syncs, one after another."""
    users, delayed, log = chosen.users, chosen.delayed_users, directory / "sync.log"
    found: dict[str, Filling] = {}

    say(f"{users:,} users, no latency")
    with stand_in(users) as clerk:
        cost = measure_stand_in(clerk)
        url = database.create("bench_many")
        found["empty mirror"] = fill(database, url, clerk, users, log)
        found["unchanged"] = _nothing_written(fill(database, url, clerk, users, log))
    database.settle()
    copied = watched(partial(copied_rows_per_s, url), database.pid)

    say(f"{delayed:,} users, no latency")
    with stand_in(delayed) as clerk:
        found["smaller empty mirror"] = fill(database, database.create("bench_few"), clerk, delayed, log)

    say(f"{delayed:,} users, {chosen.latency_ms:g} ms a request: in parallel, then with one worker")
    with stand_in(delayed, latency_ms=chosen.latency_ms) as clerk:
        url = database.create("bench_parallel")
        found["in parallel"] = fill(database, url, clerk, delayed, log)
        url = database.create("bench_one_worker")
        found["one worker"] = fill(database, url, clerk, delayed, log, "--workers", "1")

    if chosen.million:
        say(f"{MILLION:,} users, no latency")
        with stand_in(MILLION) as clerk:
            found["larger empty mirror"] = fill(database, database.create("bench_million"), clerk, MILLION, log)

    return Figures(
        fillings=found,
        copied=copied,
        stand_in=cost,
        latency_ms=chosen.latency_ms,
        machine=describe(),
        postgresql=database.version,
    )


def _nothing_written(filling: Filling) -> Filling:
    if filling.unchanged != filling.users:
        raise MeasurementSpoiled(f"of {filling.users} users only {filling.unchanged} were found unchanged")
    return filling


def _parse(words: Sequence[str] | None) -> Namespace:
    parser = make_parser("bench-sync", "Measure the sync of a mirror with Clerk's list of users.")
    parser.add_argument("--users", type=at_least_one, help="users in the runs without latency [200000, quick 50000]")
    parser.add_argument(
        "--delayed-users",
        type=at_least_one,
        default=20_000,
        help="users in the smaller runs, with and without latency [%(default)s]",
    )
    parser.add_argument(
        "--latency-ms", type=float, default=200.0, help="latency of each delayed response [%(default)s]"
    )
    parser.add_argument("--million", action="store_true", help="also fill a mirror with a million users")
    chosen = parser.parse_args(words)
    chosen.users = chosen.users or (50_000 if chosen.quick else 200_000)
    return chosen


if __name__ == "__main__":
    sys.exit(main())
