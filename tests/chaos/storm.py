"""One storm from its first delivery to the last comparison."""

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
from tests.chaos.faults import Troubles
from tests.chaos.load import Weather
from tests.chaos.receipts import Receipts
from tests.stage.postgres import PostgresServer
from tests.stage.servers import House, open_house

SENDERS = 8
# Svix's schedule of 27 hours, in twenty seconds.
SCHEDULE_FACTOR = 0.0002
REMEMBERED_BY_CLERK = 5_000
LAST_RETRY_S = 180.0
DELIVERIES_FOR_A_TROUBLE = 6_000
FEWEST_TROUBLES = 5

Progress = Callable[[int, Receipts, list[str]], object]


@dataclass
class Result:
    """What the storm has shown."""

    seed: int
    deliveries: int = 0
    messages: int = 0
    dropped: int = 0
    given_up: int = 0
    attempts: int = 0
    statuses: Counter[int | None] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    troubles: list[str] = field(default_factory=list)
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
        """Answers that are neither 2xx nor 503, nor silence."""
        return sum(count for status, count in self.statuses.items() if status not in (200, 503, None))

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, nothing differs and nothing was written twice."""
        return not (
            self.lost or self.differences or self.unexplained or self.rows_written_by_second_sync or self.wrong_answers
        )


def run_storm(
    postgres: PostgresServer, database_url: str, *, deliveries: int, seed: int, directory: Path, progress: Progress
) -> Result:
    """Let a storm of so many deliveries pass over two servers on ``database_url``, then sync twice and compare."""
    started_at = time.monotonic()
    result = Result(seed)
    with open_house(
        database_url,
        directory,
        servers=2,
        workers=2,
        schedule_factor=SCHEDULE_FACTOR,
        senders=SENDERS,
        seed=seed,
        clock_ms=SlowClock(seed),
        history=REMEMBERED_BY_CLERK,
    ) as house:
        weather = Weather(house.clerk, seed)
        receipts = Receipts(directory / "receipts")
        house.clerk.webhook_sender.watch(receipts.keep)
        with Troubles(postgres, house.services, seed) as troubles:
            _blow(weather, troubles, deliveries, result, lambda: progress(result.deliveries, receipts, troubles.done))
        weather.calm(LAST_RETRY_S)
        receipts.close()
        result.delivery_s = time.monotonic() - started_at
        _note(result, weather, receipts, troubles)
        with closing(Comparison(database_url)) as comparison:
            _judge(result, house, weather, receipts, comparison)
    result.total_s = time.monotonic() - started_at
    result.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def _blow(weather: Weather, troubles: Troubles, deliveries: int, result: Result, show: Callable[[], object]) -> None:
    times = max(FEWEST_TROUBLES, deliveries // DELIVERIES_FOR_A_TROUBLE)
    # Between the first and the last delivery, evenly: so the same seed breaks the same at the same delivery.
    strikes = [deliveries * (number + 1) // (times + 1) for number in range(times)][::-1]
    for sent in weather.blow(deliveries):
        result.deliveries = sent
        if strikes and sent >= strikes[-1]:
            strikes.pop()
            troubles.strike()
        show()
    troubles.wait()


def _note(result: Result, weather: Weather, receipts: Receipts, troubles: Troubles) -> None:
    result.messages = weather.messages
    result.dropped = weather.dropped
    result.given_up = weather.given_up
    result.attempts = receipts.attempts
    result.statuses = receipts.statuses
    result.outcomes = receipts.outcomes
    result.slowest_ms = receipts.slowest_ms
    result.troubles = troubles.done


def _judge(result: Result, house: House, weather: Weather, receipts: Receipts, comparison: Comparison) -> None:
    comparison.learn(house.clerk.users.snapshot(), weather.departed)
    result.lost = comparison.lost_receipts(receipts.path)
    before = comparison.differences()
    result.before_sync = len(before)
    result.unexplained = len(before.keys() - weather.unlucky - comparison.tied())
    result.syncs.append(_sync(house))
    result.differences = Counter(comparison.differences().values())
    comparison.remember_row_versions()
    result.syncs.append(_sync(house))
    result.rows_written_by_second_sync = comparison.rows_written_since()
    result.rows = comparison.counts()


def _sync(house: House) -> dict[str, int]:
    done = house.flask("sync-clerk", "sync", "--json", "--no-progress")
    if done.returncode != 0:
        raise RuntimeError(f"sync ended with {done.returncode}: {done.stderr or done.stdout}")
    report = json.loads(done.stdout)
    return {name: report[name] for name in ("seen", "inserted", "updated", "unchanged", "stale", "deleted", "failed")}
