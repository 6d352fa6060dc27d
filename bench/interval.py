"""One kind of request, sent for several intervals, and its cost in each process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench import machine
from bench.load import Load, LoadDriver
from bench.running import Running
from bench.stage import Database, MeasurementSpoiled


@dataclass(frozen=True, kw_only=True)
class Round:
    """One interval. The CPU times are per request: of the web server with its workers, and of PostgreSQL."""

    load: Load
    web_cpu_us: float
    database_cpu_us: float
    disturbance: machine.Disturbance


@dataclass(frozen=True)
class Interval:
    """All rounds of one kind of request, the slowest first. There is at least one."""

    rounds: list[Round]

    @property
    def middle(self) -> Round:
        """The median round."""
        return self.rounds[len(self.rounds) // 2]

    @property
    def per_s(self) -> float:
        """Requests per second in the middle round."""
        return self.middle.load.per_s


class Meter:
    """Measures intervals of load on one web server. Raises MeasurementSpoiled if a response is not 2xx."""

    def __init__(self, driver: LoadDriver, web: Running, database: Database, *, rounds: int) -> None:
        self._driver = driver
        self._web = web
        self._database = database
        self._rounds = rounds

    def for_seconds(self, requests: list[bytes], seconds: float) -> Interval:
        """Send ``requests`` repeatedly for ``seconds``, after a warm-up of a quarter of that time."""
        self._send(requests, seconds / 4)
        return self._sorted(self._send(requests, seconds) for _ in range(self._rounds))

    def each_once(self, take: Callable[[], list[bytes]]) -> Interval:
        """For each round, take new requests from ``take`` and send each once. The first round is a warm-up."""
        self._send(take())
        return self._sorted(self._send(take()) for _ in range(self._rounds))

    def _sorted(self, rounds: Iterable[Round]) -> Interval:
        return Interval(sorted(rounds, key=lambda each: each.load.per_s))

    def _send(self, requests: list[bytes], seconds: float = 0.0) -> Round:
        self._database.settle()
        web, database = self._web.pid, self._database.pid
        before_s = machine.cpu_s(web), machine.cpu_s(database)
        with machine.watch(web, database) as disturbance:
            load = self._driver.send(self._web.port, requests, seconds=seconds)
        after_s = machine.cpu_s(web), machine.cpu_s(database)
        if load.refused:
            raise MeasurementSpoiled(
                f"{load.refused} of {load.requests} responses are not 2xx; the first: {load.first_refused}"
            )
        web_us, database_us = (
            (after - before) / load.requests * 1e6 for before, after in zip(before_s, after_s, strict=True)
        )
        return Round(load=load, web_cpu_us=web_us, database_cpu_us=database_us, disturbance=disturbance)
