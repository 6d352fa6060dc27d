"""A queue of jobs with due times, and the threads that run them."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayQueue(Generic[T]):
    """Runs jobs from background threads once they are due, the earliest first.

    ``run`` gets a job and returns the delay in seconds before its next run, or None.
    """

    def __init__(self, run: Callable[[T], float | None], workers: int) -> None:
        self._run = run
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int, T]] = []
        self._turn = itertools.count()
        self._in_flight = 0
        self._stopped = False
        self.paused = False
        self._threads = [
            threading.Thread(target=self._work, name="local-clerk-sender", daemon=True) for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, jobs: Iterable[T], delay_s: float = 0.0) -> None:
        """Queue jobs that are due in ``delay_s`` seconds."""
        due_at = time.monotonic() + delay_s
        with self._changed:
            for job in jobs:
                heapq.heappush(self._queue, (due_at, next(self._turn), job))
            self._changed.notify_all()

    def pause(self) -> None:
        """Start no job until :meth:`resume`."""
        self.paused = True

    def resume(self) -> None:
        """Start jobs again."""
        with self._changed:
            self.paused = False
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until nothing is queued or in flight (paused: in flight); raise TimeoutError with what is left."""
        with self._changed:
            if not self._changed.wait_for(self._is_idle, timeout_s):
                raise TimeoutError(
                    f"after {timeout_s} s {self._in_flight} are in flight, {len(self._queue)} are queued, "
                    f"and the next of them is due in {self._wait_s() or 0:.1f} s"
                )

    def stop(self) -> None:
        """Start no more jobs. Queued jobs are not run."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads to end after :meth:`stop`."""
        for thread in self._threads:
            thread.join(timeout_s)

    def _is_idle(self) -> bool:
        return not self._in_flight and (self.paused or not self._queue)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._stopped or self._is_due()):
                    self._changed.wait(self._wait_s())
                if self._stopped:
                    return
                _, _, job = heapq.heappop(self._queue)
                self._in_flight += 1
            again_in_s = None
            try:
                again_in_s = self._run(job)
            finally:
                # Under one lock: wait_idle must not see the moment between an attempt and its retry.
                with self._changed:
                    if again_in_s is not None:
                        self.put([job], again_in_s)
                    self._in_flight -= 1
                    self._changed.notify_all()

    def _is_due(self) -> bool:
        return bool(self._queue) and not self.paused and self._queue[0][0] <= time.monotonic()

    def _wait_s(self) -> float | None:
        if self.paused or not self._queue:
            return None
        return max(self._queue[0][0] - time.monotonic(), 0.0)
