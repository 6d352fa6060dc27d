"""The floors of the web bench: lower bounds of each kind of request, measured in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import bare, floors
from bench.interval import Interval, Meter
from bench.load import CONNECTIONS, LoadDriver
from bench.machine import Floor, watched
from bench.running import web_server
from bench.stage import Database, production
from bench.traffic import get

TRANSACTIONS_A_SECOND = 1000  # of each client; an estimate for the slower scripts


@dataclass(frozen=True, kw_only=True)
class Floors:
    """``plain`` and ``verified`` are the same server with one fixed response, and with one RSA verification.

    The others are transactions per second of pgbench, on as many connections as the load driver has.
    """

    rsa_name: str
    rsa: Floor
    plain: Interval
    verified: Interval
    select_user: Floor
    select_orders: Floor
    upsert: Floor


def measure_floors(
    driver: LoadDriver, database: Database, url: str, directory: Path, *, users: int, seconds: float, rounds: int
) -> Floors:
    """Measure the floors on the seeded database at ``url``."""
    rsa_name, verify_per_s = floors.choose_rsa(seconds)
    rsa = watched(partial(verify_per_s, seconds))
    with web_server(production(url), directory / "bare.log", factory="bench.bare:serve", path=bare.PLAIN) as server:
        meter = Meter(driver, server, database, rounds=rounds)
        plain = meter.for_seconds([get(bare.PLAIN)], seconds)
        verified = meter.for_seconds([get(bare.VERIFIED)], seconds)
    floors.make_floor_table(url)
    transactions = max(1, round(seconds * TRANSACTIONS_A_SECOND))
    pgbench = floors.PgBench(url, directory, clients=CONNECTIONS, transactions=transactions)
    return Floors(
        rsa_name=rsa_name,
        rsa=rsa,
        plain=plain,
        verified=verified,
        select_user=watched(partial(pgbench.per_s, floors.SELECT_USER, users=users), database.pid),
        select_orders=watched(partial(pgbench.per_s, floors.SELECT_ORDERS, users=users), database.pid),
        upsert=watched(partial(pgbench.per_s, floors.UPSERT_USER), database.pid),
    )
