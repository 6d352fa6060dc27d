"""Several iterators at once: threads fetch ahead, one consumer takes what comes.

There are as many threads as it takes to keep the consumer busy. Where answers are slow that is as many as are allowed;
where they are quick, two or three: each further one would only compete with the consumer for the interpreter, and the
database would have nothing to do until the last page is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

# When the consumer has waited for so long, the threads are doubled: from one to 24 in five steps.
PATIENCE_S = 0.005
ROOM_TO_SPARE = 4  # items that may wait while every thread is at work


class Prefetch(Generic[T]):
    """Run ``jobs`` in up to ``workers`` threads and yield ``(number of the job, item)`` as they come.

    The items of one job come in their order. No more items than there are threads, and ROOM_TO_SPARE, are under way or
    wait for the consumer at any time: memory stays flat. The first error of a thread is raised here. Close the
    iteration to end the threads; they are daemons, so that no request under way keeps the process from ending.
    """

    def __init__(self, jobs: Sequence[Callable[[], Iterable[T]]], workers: int) -> None:
        self._jobs: SimpleQueue[tuple[int, Callable[[], Iterable[T]]]] = SimpleQueue()
        for numbered in enumerate(jobs):
            self._jobs.put(numbered)
        self._most = min(workers, len(jobs))
        self._started = 0
        self._items: SimpleQueue[tuple[int, T] | BaseException | None] = SimpleQueue()
        self._room = Semaphore(ROOM_TO_SPARE)
        self._stopping = Event()

    def __iter__(self) -> Generator[tuple[int, T], None, None]:
        """Start fetching and yield what the threads bring."""
        try:
            yield from self._take()
        finally:
            self._stopping.set()
            self._room.release(self._started + 1)

    def _take(self) -> Iterator[tuple[int, T]]:
        ended = 0
        self._start(min(1, self._most))
        while ended < self._started:
            try:
                item = self._items.get(timeout=PATIENCE_S if self._started < self._most else None)
            except Empty:
                self._start(min(self._started, self._most - self._started))
                continue
            if item is None:
                ended += 1
            elif isinstance(item, BaseException):
                raise item
            else:
                self._room.release()
                yield item

    def _start(self, threads: int) -> None:
        """Start more threads, each with room for one item."""
        if threads:
            self._started += threads
            self._room.release(threads)
            self._start_one(threads - 1)

    def _start_one(self, then: int) -> None:
        # Each thread starts the next. Starting waits for the new thread's first step, and while others are at work that
        # takes milliseconds: the consumer has better things to do.
        Thread(target=self._work, args=(then,), name="prefetch", daemon=True).start()

    def _work(self, to_start: int) -> None:
        try:
            if to_start:
                self._start_one(to_start - 1)
            while not self._stopping.is_set():
                number, job = self._jobs.get_nowait()
                self._run(number, job)
        except Empty:
            self._items.put(None)
        except BaseException as error:  # raised again in the consumer's thread
            self._items.put(error)

    def _run(self, number: int, job: Callable[[], Iterable[T]]) -> None:
        items = iter(job())
        while True:
            # Before the item is fetched: what is under way takes room as well.
            self._room.acquire()
            if self._stopping.is_set():
                return
            try:
                item = next(items)
            except StopIteration:
                self._room.release()
                return
            self._items.put((number, item))


def in_parallel(calls: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Return what ``calls`` return, in their order; raise the first error."""
    jobs = [lambda call=call: (call(),) for call in calls]
    return [item for _, item in sorted(Prefetch(jobs, workers), key=lambda numbered: numbered[0])]
