"""Several iterators at once: threads fetch ahead, one consumer takes what comes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

ROOM_TO_SPARE = 8  # items that may wait while every thread is at work


class Prefetch(Generic[T]):
    """Run ``jobs`` in ``workers`` threads and yield ``(number of the job, item)`` as they come.

    The items of one job come in their order. No more than ``workers`` items, and ROOM_TO_SPARE, are under way or wait
    for the consumer at any time: memory stays flat. The first error of a thread is raised here. Close the iteration to
    end the threads; they are daemons, so that no request under way keeps the process from ending.
    """

    def __init__(self, jobs: Sequence[Callable[[], Iterable[T]]], workers: int) -> None:
        self._jobs: SimpleQueue[tuple[int, Callable[[], Iterable[T]]]] = SimpleQueue()
        for numbered in enumerate(jobs):
            self._jobs.put(numbered)
        self._workers = min(workers, len(jobs))
        self._items: SimpleQueue[tuple[int, T] | BaseException | None] = SimpleQueue()
        self._room = Semaphore(self._workers + ROOM_TO_SPARE)
        self._stopping = Event()

    def __iter__(self) -> Generator[tuple[int, T], None, None]:
        """Start the threads and yield what they bring."""
        self._start(self._workers)
        try:
            yield from self._take()
        finally:
            self._stopping.set()
            self._room.release(max(self._workers, 1))

    def _take(self) -> Iterator[tuple[int, T]]:
        at_work = self._workers
        while at_work:
            item = self._items.get()
            if item is None:
                at_work -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                self._room.release()
                yield item

    def _start(self, workers: int) -> None:
        if workers:
            Thread(target=self._work, args=(workers - 1,), name="prefetch", daemon=True).start()

    def _work(self, to_start: int) -> None:
        # Each thread starts the next. Starting waits for the new thread's first step, and while others are at work that
        # takes milliseconds: the consumer has better things to do.
        self._start(to_start)
        try:
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
