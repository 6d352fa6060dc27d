"""One storm, from its first delivery to the last comparison."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.clock import SlowClock
from tests.chaos.comparison import Comparison
from tests.chaos.faults import Faults
from tests.chaos.load import LoadGenerator
from tests.chaos.receipts import Receipts
from tests.stage.postgres import PostgresServer
from tests.stage.servers import Servers, start_servers

SENDERS = 8
# Svix's retry schedule of 27 hours, compressed to twenty seconds.
SCHEDULE_FACTOR = 0.0002
REMEMBERED_BY_CLERK = 5_000
LAST_RETRY_S = 180.0
DELIVERIES_FOR_A_TROUBLE = 6_000
FEWEST_TROUBLES = 5

Progress = Callable[[int, Receipts, list[str]], object]


@dataclass
class Result:
    """The result of the storm."""

    seed: int
    deliveries: int = 0
    messages: int = 0
    dropped: int = 0
    given_up: int = 0
    attempts: int = 0
    statuses: Counter[int | None] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    faults: list[str] = field(default_factory=list)
    delivery_s: float = 0.0
    total_s: float = 0.0
    peak_mib: float = 0.0
    rows: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    before_sync: int = 0
    unexplained: int = 0
    syncs: list[dict[str, int]] = field(default_factory=list)
    differences: Counter[str] = field(default_factory=Counter)
    rows_written_by_second_sync: int = 0

    @property
    def wrong_answers(self) -> int:
        """Responses that are neither 2xx nor 503. No response is not counted."""
        return sum(count for status, count in self.statuses.items() if status not in (200, 503, None))

    @property
    def is_right(self) -> bool:
        """True if nothing was lost, nothing differs and nothing was written twice."""
        return not (
            self.lost or self.differences or self.unexplained or self.rows_written_by_second_sync or self.wrong_answers
        )


def run_storm(
    postgres: PostgresServer,
    database_url: str,
    *,
    deliveries: int,
    seed: int,
    directory: Path,
    progress: Progress,
    schedule_factor: float = SCHEDULE_FACTOR,
) -> Result:
    """Send that many deliveries to two servers on ``database_url``, then sync twice and compare."""
    started_at = time.monotonic()
    result = Result(seed)
    with start_servers(
        database_url,
        directory,
        servers=2,
        workers=2,
        schedule_factor=schedule_factor,
        senders=SENDERS,
        seed=seed,
        clock_ms=SlowClock(seed),
        history=REMEMBERED_BY_CLERK,
    ) as servers:
        load = LoadGenerator(servers.clerk, seed)
        receipts = Receipts(directory / "receipts")
        servers.clerk.webhook_sender.watch(receipts.keep)
        with Faults(postgres, servers.services, seed) as faults:
            _send_load(load, faults, deliveries, result, lambda: progress(result.deliveries, receipts, faults.done))
        load.drain(LAST_RETRY_S)
        receipts.close()
        result.delivery_s = time.monotonic() - started_at
        _note(result, load, receipts, faults)
        with closing(Comparison(database_url)) as comparison:
            _judge(result, servers, load, receipts, comparison)
    result.total_s = time.monotonic() - started_at
    result.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def _send_load(
    load: LoadGenerator, faults: Faults, deliveries: int, result: Result, show: Callable[[], object]
) -> None:
    times = max(FEWEST_TROUBLES, deliveries // DELIVERIES_FOR_A_TROUBLE)
    # Faults are spread evenly over the deliveries, so that a seed has the same faults at the same deliveries.
    strikes = [deliveries * (number + 1) // (times + 1) for number in range(times)][::-1]
    for sent in load.send(deliveries):
        result.deliveries = sent
        if strikes and sent >= strikes[-1]:
            strikes.pop()
            faults.start_next()
        show()
    faults.wait()


def _note(result: Result, load: LoadGenerator, receipts: Receipts, faults: Faults) -> None:
    result.messages = load.messages
    result.dropped = load.dropped
    result.given_up = load.given_up
    result.attempts = receipts.attempts
    result.statuses = receipts.statuses
    result.outcomes = receipts.outcomes
    result.slowest_ms = receipts.slowest_ms
    result.faults = faults.done


def _judge(result: Result, servers: Servers, load: LoadGenerator, receipts: Receipts, comparison: Comparison) -> None:
    comparison.learn(servers.clerk.users.snapshot(), load.departed)
    result.lost = comparison.lost_receipts(receipts.path)
    before = comparison.differences()
    result.before_sync = len(before)
    result.unexplained = len(before.keys() - load.unlucky - comparison.tied())
    result.syncs.append(_sync(servers))
    result.differences = Counter(comparison.differences().values())
    comparison.remember_row_versions()
    result.syncs.append(_sync(servers))
    result.rows_written_by_second_sync = comparison.rows_written_since()
    result.rows = comparison.counts()


def _sync(servers: Servers) -> dict[str, int]:
    done = servers.flask("sync-clerk", "sync", "--json", "--no-progress")
    if done.returncode != 0:
        raise RuntimeError(f"sync ended with {done.returncode}: {done.stderr or done.stdout}")
    report = json.loads(done.stdout)
    return {name: report[name] for name in ("seen", "inserted", "updated", "unchanged", "stale", "deleted", "failed")}
