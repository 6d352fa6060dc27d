"""The tables of ``bench.web``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.report import Table, number

if TYPE_CHECKING:
    from bench.interval import Interval
    from bench.web import Figures
    from bench.web_floors import Floors

HEADER = (
    "",
    "requests/s",
    "of all rounds",
    "p50 ms",
    "p99 ms",
    "CPU µs: web",
    "PostgreSQL",
    "driver",
    "floor/s",
    "ratio",
    "",
)


def tables(figures: Figures) -> Iterator[Table]:
    """Yield the tables. A ratio is a rate divided by the rate of its floor."""
    floors = _floors_by_name(figures.floors)
    service = Table("The service, 2 workers, 16 connections", HEADER)
    for name, interval in figures.intervals.items():
        service.add(*_row(name, interval, floors.get(name)))
    yield service
    yield _tokens_alone(figures)
    yield _floors(figures)


def _floors_by_name(floors: Floors) -> dict[str, float]:
    return {
        "/healthz": floors.plain.per_s,
        "/api/session, tokens reused": floors.plain.per_s,
        "/api/session, each token once": floors.verified.per_s,
        "/api/me": floors.select_user.per_s,
        "/api/orders": floors.select_orders.per_s,
        "webhooks": floors.upsert.per_s,
    }


def _row(name: str, interval: Interval, floor_per_s: float | None) -> Iterator[object]:
    middle = interval.middle
    lowest, highest = (number(each.load.per_s) for each in (interval.rounds[0], interval.rounds[-1]))
    yield name
    yield interval.per_s
    yield f"{lowest}…{highest}"
    yield middle.load.p50_ms
    yield middle.load.p99_ms
    yield middle.web_cpu_us
    yield middle.database_cpu_us
    yield middle.load.driver_cpu_us
    yield floor_per_s
    yield interval.per_s / floor_per_s if floor_per_s else None
    yield str(middle.disturbance)


def _tokens_alone(figures: Figures) -> Table:
    table = Table("Token verification alone, in CPU time of one core", ["", "tokens/s", "floor/s", "ratio"])
    rsa_per_s = figures.floors.rsa.per_s
    first_per_s = figures.verification.first_per_s
    table.add("first use", first_per_s, rsa_per_s, first_per_s / rsa_per_s)
    table.add("cached", figures.verification.remembered_per_s, None, None)
    return table


def _floors(figures: Figures) -> Table:
    floors, alone = figures.floors, figures.driver_alone
    table = Table("For comparison", ["", "figure", ""])
    servers = {"one constant response": floors.plain, "one RSA verification a request": floors.verified}
    for name, interval in servers.items():
        table.add(f"the same server with {name}, requests/s", interval.per_s, str(interval.middle.disturbance))
        table.add("… CPU µs a request", interval.middle.web_cpu_us)
    counted = {
        f"{floors.rsa_name}, verifications/s on one core": floors.rsa,
        "the SELECT of /api/me by pgbench, 16 clients, /s": floors.select_user,
        "the SELECT of /api/orders by pgbench, 16 clients, /s": floors.select_orders,
        "single-row upserts by pgbench, 16 clients, commits/s": floors.upsert,
    }
    for name, floor in counted.items():
        table.add(name, floor.per_s, str(floor.disturbance))
    table.add(f"the load driver ({figures.driver}) against a server with one fixed response, requests/s", alone.per_s)
    table.add("… its CPU µs a request", alone.driver_cpu_us)
    table.add("memory of the web processes after the load, MiB", figures.web_memory_mib)
    table.add("machine", figures.machine)
    table.add("PostgreSQL, fsync and synchronous_commit on", figures.postgresql)
    return table
