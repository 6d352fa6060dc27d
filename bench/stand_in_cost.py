"""The costs of the stand-in for Clerk, which show that it is not the limit of a sync."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

from bench.running import Running, take_tally

PAGE = 500
MOST_PAGES = 40


@dataclass(frozen=True)
class StandInCost:
    """Users per second on one connection, and per second of the stand-in's own CPU time."""

    users_per_s: float
    users_per_cpu_s: float


def measure_stand_in(clerk: Running) -> StandInCost:
    """Read up to 40 pages, one after another, and discard them."""
    take_tally(clerk)
    started_at = time.perf_counter()
    with closing(HTTPConnection("127.0.0.1", clerk.port)) as connection:
        for page in range(MOST_PAGES):
            connection.request("GET", f"/v1/users?order_by=created_at&limit={PAGE}&offset={page * PAGE}")
            if len(connection.getresponse().read()) <= len("[]"):
                break
    seconds = time.perf_counter() - started_at
    tally = take_tally(clerk)
    return StandInCost(tally["users"] / seconds, tally["users"] / tally["cpu_s"])
