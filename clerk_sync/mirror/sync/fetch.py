"""A work queue: threads run jobs ahead, one consumer takes what they return.

1. A job returns an item and the jobs that follow it.
2. Run one thread. When the consumer has waited 5 ms, double the threads, up to ``workers`` and the number of jobs.
   When responses are fast, more threads only compete with the consumer for the interpreter.
3. Before a job runs, it waits for a free slot. This bounds the items in memory.
4. An item reaches the consumer before the items of the jobs that follow it.
5. The iteration ends when no job is left, or raises the first error of a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from queue import Empty, LifoQueue, SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
Job = Callable[[], "tuple[T, Sequence[Job[T]]]"]

WAIT_BEFORE_MORE_THREADS_S = 0.005
SPARE_SLOTS = 4  # items that may wait while every thread works


class Prefetch(Generic[T]):
    """Run ``jobs`` and the jobs that follow them in up to ``workers`` threads, and yield their items as they come.

    Close the iteration to end the threads. They are daemons, so a request in flight does not delay the process's exit.
    """

    def __init__(self, jobs: Iterable[Job[T]], workers: int) -> None:
        # The newest job first: a window that was begun is read to its end, so that checkpoints stay small.
        self._jobs: LifoQueue[Job[T] | None] = LifoQueue()
        self._open = 0
        for job in jobs:
            self._jobs.put(job)
            self._open += 1
        self._lock = Lock()
        self._workers = workers
        self._started = 0
        self._items: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self._slots = Semaphore(SPARE_SLOTS)
        self._stopping = Event()

    def __iter__(self) -> Generator[T, None, None]:
        """Start the threads and yield what their jobs return."""
        try:
            yield from self._take()
        finally:
            self._stopping.set()
            self._slots.release(self._started + 1)
            for _ in range(self._started):
                self._jobs.put(None)

    def _take(self) -> Iterator[T]:
        if not self._open:
            return
        self._start(1)
        while True:
            most = min(self._workers, self._open)
            try:
                item = self._items.get(timeout=WAIT_BEFORE_MORE_THREADS_S if self._started < most else None)
            except Empty:
                self._start(min(self._started, most - self._started))
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            self._slots.release()
            yield item[0]

    def _start(self, threads: int) -> None:
        """Start more threads, each with a slot for one item."""
        self._started += threads
        self._slots.release(threads)
        self._start_one(threads - 1)

    def _start_one(self, then: int) -> None:
        # Each thread starts the next. Thread.start() waits for the new thread's first step, which takes milliseconds
        # while other threads work: the consumer must not spend them.
        Thread(target=self._work, args=(then,), name="prefetch", daemon=True).start()

    def _work(self, to_start: int) -> None:
        try:
            if to_start:
                self._start_one(to_start - 1)
            while (job := self._jobs.get()) is not None:
                self._slots.acquire()
                if self._stopping.is_set():
                    return
                self._run(job)
        except BaseException as error:  # raised again in the consumer's thread
            self._items.put(error)

    def _run(self, job: Job[T]) -> None:
        item, following = job()
        with self._lock:
            self._open += len(following) - 1
            is_last = self._open == 0
        self._items.put((item,))
        for each in reversed(following):
            self._jobs.put(each)
        if is_last:
            self._items.put(None)


def in_parallel(calls: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Return what ``calls`` return, in their order; raise the first error."""
    jobs = [lambda place=place, call=call: ((place, call()), ()) for place, call in enumerate(calls)]
    return [result for _, result in sorted(Prefetch(jobs, workers), key=lambda placed: placed[0])]
