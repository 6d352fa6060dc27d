"""Threads fetch ahead, in order, not too far, and end when nobody listens any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from clerk_sync.mirror.sync.fetch import ROOM_TO_SPARE, Prefetch, in_parallel
from tests.local_clerk import wait_until


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "prefetch"}


def test_each_job_keeps_its_order() -> None:
    jobs = [lambda job=job: range(job * 100, job * 100 + 50) for job in range(5)]
    items = list(Prefetch(jobs, workers=3))
    assert len(items) == 250
    for job in range(5):
        assert [item for number, item in items if number == job] == list(range(job * 100, job * 100 + 50))


def test_nobody_fetches_far_ahead_of_the_consumer() -> None:
    fetched: list[int] = []

    def job() -> Iterator[int]:
        for number in range(1000):
            fetched.append(number)
            yield number

    others = threads()
    with closing(iter(Prefetch([job, job], workers=2))) as items:
        next(items)
        most = 1 + len(threads() - others) + ROOM_TO_SPARE  # one consumed; the others wait
        wait_until(lambda: len(fetched) == most)
        assert not threading.Event().wait(0.05)
        assert len(fetched) == most


def test_whoever_is_served_at_once_is_served_by_one_thread() -> None:
    others = threads()
    with closing(iter(Prefetch([lambda: iter(range(10**9))] * 24, workers=24))) as items:
        for _ in range(1000):
            next(items)
        assert len(threads() - others) <= 2  # a second one only where this machine stood still for a moment


def test_whoever_waits_is_served_by_as_many_threads_as_are_allowed() -> None:
    others = threads()
    gate = threading.Event()

    def job() -> Iterator[bool]:
        yield gate.wait(30)

    def open_gate_when_all_are_there() -> None:
        wait_until(lambda: len(threads() - others) == 24)
        gate.set()

    watcher = threading.Thread(target=open_gate_when_all_are_there)
    watcher.start()
    assert len(list(Prefetch([job] * 30, workers=24))) == 30
    watcher.join()


def test_the_error_of_a_thread_is_raised_to_the_consumer_and_ends_the_others() -> None:
    others = threads()  # of an earlier run that was broken off: they may still wait for an answer

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        list(Prefetch([failing, lambda: iter(range(10**9))], workers=2))
    wait_until(lambda: threads() <= others)


def test_a_thread_that_cannot_be_started_is_an_error_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    started = 0
    start = threading.Thread.start

    def start_five(thread: threading.Thread) -> None:
        nonlocal started
        started += thread.name == "prefetch"
        if started > 5:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_five)
    waiting = threading.Event()
    with pytest.raises(RuntimeError, match="new thread"):
        list(Prefetch([lambda: iter([waiting.wait(5)])] * 8, workers=8))
    waiting.set()


def test_closing_ends_the_threads() -> None:
    others = threads()
    items = iter(Prefetch([lambda: iter(range(10**9))] * 4, workers=4))
    next(items)
    items.close()
    wait_until(lambda: threads() <= others)


def test_calls_in_parallel_answer_in_their_order() -> None:
    barrier = threading.Barrier(3)
    calls = [lambda number=number: (barrier.wait(5), number)[1] for number in range(3)]
    assert in_parallel(calls, workers=3) == [0, 1, 2]
