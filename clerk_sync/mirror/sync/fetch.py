"""Read Clerk's list of users with several threads: n-ary subdivision of ``created_at`` on a work queue.

1. The queue begins with one window: the list behind its oldest page.
2. A thread takes a window and reads one page of it.
3. If the page was the window's last, the window is done.
4. Else estimate how many users the rest of the window holds: the page's users per millisecond, times the milliseconds
   that are left; at most the users that no other window is expected to hold. The only window holds exactly those.
5. If the rest holds more than one thread's share, cut it into equal parts of time.
6. Put the parts, or the uncut rest, on the queue. The run ends when the queue is empty.

A wrong estimate costs requests or balance, never a user: the parts always cover the whole rest. No request is spent on
estimates: 200,000 users take about 415 requests, and 400 of them are full pages.

``WindowQueue`` has the jobs. ``Prefetch`` runs them in threads ahead of the one consumer that takes the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from queue import Empty, LifoQueue, SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from typing import Generic, NamedTuple, TypeVar

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.steps import Checkpoint
from clerk_sync.mirror.sync.windows import FIRST_MS, PageSlice, Window, WindowReader

T = TypeVar("T")
Job = Callable[[], "tuple[T, Sequence[Job[T]]]"]
"""Returns an item, and the jobs that follow it."""

WAIT_BEFORE_MORE_THREADS_S = 0.005
SPARE_SLOTS = 4  # items that may wait while every thread works

FEWEST_USERS = 2000  # Fewer users are read faster by one worker than by several.
# Equal parts of time hold equal numbers of users only on average: leave space on the last page.
FEWEST_USERS_PER_WINDOW = 400
CUT_ABOVE = 1.5  # times a worker's share
# A page tells its users per millisecond to about a tenth. Parts that are too long cost an empty last part. Parts that
# are too short leave the rest of the list to one worker.
LONGER_PARTS = 1.1
# Sign-ups in bursts mislead the estimate again and again. This bounds the requests for empty windows.
MOST_WINDOWS_PER_WORKER = 4


class WindowPage(NamedTuple):
    """A page of the window with this number, and the windows that replace it, by number."""

    number: int
    page: PageSlice
    rest: Mapping[int, Window]


class WindowQueue:
    """The windows of a run that are not read to their end. Safe to use from several threads."""

    def __init__(self, api: ClerkApi, checkpoint: Checkpoint, first: PageSlice | None, limits: RunLimits) -> None:
        self._api = api
        self._page_size = checkpoint.page_size
        self._workers = limits.workers
        self._now_ms = int(limits.before.timestamp() * 1000)
        self._users_left = checkpoint.expected - checkpoint.seen
        self._share = self._users_left / limits.workers
        self._made = len(checkpoint.windows)
        # Users that each open window is expected to hold, by number.
        self._expected = dict.fromkeys(range(self._made), self._users_left / max(self._made, 1))
        self._lock = Lock()
        self._readers = {number: self._reader(window) for number, window in enumerate(checkpoint.windows)}
        if first is not None and self._readers:
            self._readers = self._subdivide(0, self._readers[0], first)

    @property
    def windows(self) -> dict[int, Window]:
        """The windows with which the run begins, by number."""
        return _windows(self._readers)

    def jobs(self) -> list[Job[WindowPage]]:
        """Return one job for each window. A job reads one page and returns the jobs that follow it."""
        return [partial(self._read, number, reader) for number, reader in self._readers.items()]

    def _read(self, number: int, reader: WindowReader) -> tuple[WindowPage, list[Job[WindowPage]]]:
        page = reader.read_page()
        rest = self._subdivide(number, reader, page)
        jobs: list[Job[WindowPage]] = [partial(self._read, each, part) for each, part in rest.items()]
        return WindowPage(number, page, _windows(rest)), jobs

    def _subdivide(self, number: int, reader: WindowReader, page: PageSlice) -> dict[int, WindowReader]:
        with self._lock:
            self._users_left -= page.count
            expected = self._expected.pop(number)
            window = reader.window
            if window is None:
                return {}
            cuts, users_each = self._cuts(window, page)
            self._expected[number] = users_each if cuts else max(expected - page.count, 0)
            first_number = self._made
            self._made += len(cuts)
            self._expected |= dict.fromkeys(range(first_number, self._made), users_each)
        if not cuts:
            return {number: reader}
        ends_ms = [*cuts[1:], window.end_ms]
        reader.end_at(cuts[0])
        parts = [Window(start_ms=start, end_ms=end) for start, end in zip(cuts, ends_ms, strict=True)]
        return {number: reader} | {first_number + place: self._reader(part) for place, part in enumerate(parts)}

    def _cuts(self, window: Window, page: PageSlice) -> tuple[list[int], float]:
        """Return the milliseconds at which to cut ``window`` behind ``page``, and the users expected in each part."""
        times_ms = [user.clerk_created_at for user in page.users if user.clerk_created_at]
        reached_ms = window.reached_ms
        is_limit_reached = self._workers == 1 or self._made >= self._workers * MOST_WINDOWS_PER_WORKER
        if is_limit_reached or not times_ms or not reached_ms:
            return [], 0
        # The window of the first page has no beginning.
        since_ms = times_ms[0] if page.since_ms <= FIRST_MS else page.since_ms
        end_ms = self._now_ms if window.end_ms is None else window.end_ms
        users_per_ms = page.count / max(reached_ms - since_ms, 1)
        users = self._users_left - sum(self._expected.values())
        if self._expected:
            users = min(users, users_per_ms * (end_ms - reached_ms))
        if users < FEWEST_USERS or users < self._share * CUT_ABOVE:
            return [], 0
        parts = min(self._workers, ceil(users / max(self._share, FEWEST_USERS_PER_WINDOW)))
        horizon_ms = min(end_ms, reached_ms + int(users / users_per_ms * LONGER_PARTS))
        part_ms = (horizon_ms - reached_ms) // parts
        if part_ms < 1:
            return [], 0
        cuts = [reached_ms + part_ms * part for part in range(1, parts)]
        return ([*cuts, horizon_ms] if horizon_ms < end_ms else cuts), users / parts

    def _reader(self, window: Window) -> WindowReader:
        return WindowReader(self._api, window, self._page_size)


def _windows(readers: Mapping[int, WindowReader]) -> dict[int, Window]:
    return {number: reader.window for number, reader in readers.items() if reader.window is not None}


class Prefetch(Generic[T]):
    """Run ``jobs`` and the jobs that follow them in up to ``workers`` threads, and yield their items as they come.

    1. Run one thread. When the consumer has waited 5 ms, double the threads, up to ``workers`` and the number of jobs.
       When responses are fast, more threads only compete with the consumer for the interpreter.
    2. Before a job runs, it waits for a free slot. This bounds the items in memory.
    3. An item reaches the consumer before the items of the jobs that follow it.
    4. The iteration ends when no job is left, or raises the first error of a thread.

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
