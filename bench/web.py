"""How fast the service answers each kind of request, compared with a lower bound: ``make bench``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checks import check_answers, check_applied
from bench.command import at_least_one, make_parser, run
from bench.credentials import PUBLISHABLE_KEY, WEBHOOK_SECRET, Credentials
from bench.interval import Interval, Meter
from bench.load import Load, LoadDriver, find_compiler
from bench.machine import describe, proportional_mib
from bench.report import say
from bench.running import responder, web_server
from bench.seed import seed
from bench.stage import Database, Environment, production
from bench.traffic import Deliveries, get, get_each, user_id
from bench.verification import Verification, measure_verification
from bench.web_floors import Floors, measure_floors
from bench.web_tables import tables

PEER_METRICS = "healthz,session_reuse,session_once,me,orders,webhooks"
REUSED_TOKENS = 2000


@dataclass(kw_only=True)
class Figures:
    """The results of a run; ``intervals`` by name."""

    intervals: dict[str, Interval]
    web_memory_mib: float
    verification: Verification
    floors: Floors
    driver: str
    driver_alone: Load
    machine: str
    postgresql: str
    peer: str = ""


def main(words: Sequence[str] | None = None) -> int:
    """Measure as the command line says, print the figures, and return the exit status."""
    return run(_parse(words), _measure, tables, peer_metrics=PEER_METRICS)


def _measure(database: Database, chosen: Namespace, directory: Path) -> Figures:
    say("signing tokens, seeding the database")
    credentials = Credentials()
    tokens = list(credentials.tokens(user_id(number) for number in range(1, min(chosen.users, REUSED_TOKENS) + 1)))
    driver = LoadDriver(directory, find_compiler())
    url = database.create("bench_web")
    seed(url, chosen.users)

    say("token verification, load driver, floors")
    verification = measure_verification(credentials, tokens)
    with responder() as trivial:
        driver_alone = driver.send(trivial.port, [get("/")], seconds=chosen.seconds)
    sizes = {"users": chosen.users, "seconds": chosen.seconds, "rounds": chosen.rounds}
    floors = measure_floors(driver, database, url, directory, **sizes)

    with web_server(_environment(url, credentials), directory / "web.log") as web:
        check_answers(web, tokens[0])
        meter = Meter(driver, web, database, rounds=chosen.rounds)
        intervals = dict(_reads(meter, tokens, credentials, chosen))
        intervals["webhooks"] = _webhooks(meter, url, chosen)
        web_memory_mib = proportional_mib(web.pid)

    return Figures(
        intervals=intervals,
        web_memory_mib=web_memory_mib,
        verification=verification,
        floors=floors,
        driver=driver.kind,
        driver_alone=driver_alone,
        machine=describe(),
        postgresql=database.version,
    )


def _environment(url: str, credentials: Credentials) -> Environment:
    return production(
        url,
        CLERK_PUBLISHABLE_KEY=PUBLISHABLE_KEY,
        CLERK_JWT_KEY=credentials.public_pem,
        CLERK_WEBHOOK_SIGNING_SECRET=WEBHOOK_SECRET,
    )


def _reads(
    meter: Meter, tokens: Sequence[str], credentials: Credentials, chosen: Namespace
) -> Iterator[tuple[str, Interval]]:
    say("reading routes")
    owners = [user_id(1 + number % chosen.users) for number in range(chosen.tokens)]
    yield "/healthz", meter.for_seconds([get("/healthz")], chosen.seconds)
    yield "/api/session, tokens reused", meter.for_seconds(get_each("/api/session", tokens), chosen.seconds)
    yield "/api/session, each token once", meter.each_once(lambda: get_each("/api/session", credentials.tokens(owners)))
    yield "/api/me", meter.for_seconds(get_each("/api/me", tokens), chosen.seconds)
    yield "/api/orders", meter.for_seconds(get_each("/api/orders?limit=20", tokens), chosen.seconds)


def _webhooks(meter: Meter, url: str, chosen: Namespace) -> Interval:
    say("webhooks")
    deliveries = Deliveries(chosen.users)
    interval = meter.each_once(lambda: deliveries.take(chosen.deliveries))
    check_applied(url, deliveries.taken)
    return interval


def _parse(words: Sequence[str] | None) -> Namespace:
    parser = make_parser("bench", "Measure the service with its production settings.")
    parser.add_argument("--users", type=at_least_one, default=20_000, help="users in the database [%(default)s]")
    parser.add_argument("--seconds", type=float, help="length of each interval [3, quick 1]")
    parser.add_argument("--rounds", type=at_least_one, help="rounds of each interval [3, quick 1]")
    parser.add_argument("--tokens", type=at_least_one, help="tokens in a round, each used once [10000, quick 4000]")
    parser.add_argument("--deliveries", type=at_least_one, help="signed webhooks in a round [6000, quick 2000]")
    chosen = parser.parse_args(words)
    chosen.seconds = chosen.seconds or (1.0 if chosen.quick else 3.0)
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.tokens = chosen.tokens or (4000 if chosen.quick else 10_000)
    chosen.deliveries = chosen.deliveries or (2000 if chosen.quick else 6000)
    if chosen.deliveries > 2 * chosen.users:
        parser.error(f"{chosen.deliveries} deliveries need {chosen.deliveries // 2} users or more")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
