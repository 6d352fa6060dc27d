"""Faults while deliveries arrive: one at a time, each repaired before the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from subprocess import TimeoutExpired
from types import TracebackType

from tests.stage.postgres import PostgresServer
from tests.stage.service import Service

RESPAWN_WITHIN_S = 1.0


class Faults:
    """Breaks servers and PostgreSQL in an order fixed by ``seed``. The context manager waits for the last repair."""

    def __init__(self, postgres: PostgresServer, services: list[Service], seed: int) -> None:
        self._postgres = postgres
        self._services = services
        self._random = random.Random(f"faults {seed}")
        self._round: list[Callable[[], None]] = []
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="faults")
        self._under_way: Future[None] | None = None
        self.done: list[str] = []

    def __enter__(self) -> Faults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()

    def start_next(self) -> None:
        """Start the next fault while traffic continues. Wait for the previous one first, and raise its error."""
        self.wait()
        if not self._round:
            # Each kind comes once before any kind repeats.
            self._round = [
                self._kill_a_worker,
                self._kill_a_server,
                self._restart_postgres,
                self._break_postgres_off,
                self._kill_postgres,
            ]
            self._random.shuffle(self._round)
        fault = self._round.pop()
        self.done.append(fault.__name__.strip("_").replace("_", " "))
        self._under_way = self._executor.submit(fault)

    def wait(self) -> None:
        """Wait until the fault is repaired."""
        if self._under_way is not None:
            self._under_way.result()

    def _kill_a_worker(self) -> None:
        service = self._random.choice(self._services)
        service.kill_worker()
        try:
            service.wait_until_ended(RESPAWN_WITHIN_S)
        except TimeoutExpired:
            return  # the server has replaced its worker
        self._start_again(service)

    def _kill_a_server(self) -> None:
        service = self._random.choice(self._services)
        service.kill()
        self._start_again(service)

    def _start_again(self, service: Service) -> None:
        service.start()
        service.wait_until_ready("/healthz")

    def _restart_postgres(self) -> None:
        self._postgres.restart("fast")

    def _break_postgres_off(self) -> None:
        self._postgres.restart("immediate")

    def _kill_postgres(self) -> None:
        self._postgres.kill()
        self._postgres.start()
