"""Threads fetch ahead in order and not too far, and they end when the consumer stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from clerk_sync.mirror.sync.fetch import SPARE_SLOTS, Job, Prefetch, in_parallel
from tests.local_clerk import wait_until


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "prefetch"}


def chain(values: Iterator[Any]) -> Job[Any]:
    """A job that returns the first value, followed by the job that returns the next."""
    return lambda: (next(values), [chain(values)])


def count_to(end: int, job: int) -> Callable[[int], Job[tuple[int, int]]]:
    return lambda place: lambda: ((job, place), [count_to(end, job)(place + 1)] if place < end else [])


def test_an_item_comes_before_the_items_of_the_jobs_that_follow_it() -> None:
    items = list(Prefetch([count_to(49, job)(0) for job in range(5)], workers=3))
    assert len(items) == 250
    for job in range(5):
        assert [place for number, place in items if number == job] == list(range(50))


def test_jobs_that_follow_one_job_run_in_parallel() -> None:
    barrier = threading.Barrier(3)
    parts: list[Job[int]] = [lambda: (barrier.wait(30), []) for _ in range(3)]
    assert sorted(Prefetch([lambda: (-1, parts)], workers=3)) == [-1, 0, 1, 2]


def test_no_job_is_no_item() -> None:
    assert list(Prefetch([], workers=3)) == []


def test_threads_fetch_only_a_few_items_ahead_of_the_consumer() -> None:
    fetched: list[int] = []

    def job() -> Iterator[int]:
        for number in range(1000):
            fetched.append(number)
            yield number

    others = threads()
    with closing(iter(Prefetch([chain(job()), chain(job())], workers=2))) as items:
        next(items)
        most = 1 + len(threads() - others) + SPARE_SLOTS  # one consumed; the others wait
        wait_until(lambda: len(fetched) == most)
        assert not threading.Event().wait(0.05)
        assert len(fetched) == most


def test_one_thread_serves_a_consumer_that_need_not_wait() -> None:
    others = threads()
    with closing(iter(Prefetch([chain(iter(range(10**9))) for _ in range(24)], workers=24))) as items:
        for _ in range(1000):
            next(items)
        assert len(threads() - others) <= 2  # a second one only where this machine stood still for a moment


def test_a_consumer_that_waits_gets_as_many_threads_as_are_allowed() -> None:
    others = threads()
    gate = threading.Event()

    def job() -> tuple[bool, list[Job[bool]]]:
        return gate.wait(30), []

    def open_gate_when_all_are_there() -> None:
        wait_until(lambda: len(threads() - others) == 24)
        gate.set()

    watcher = threading.Thread(target=open_gate_when_all_are_there)
    watcher.start()
    assert len(list(Prefetch([job] * 30, workers=24))) == 30
    watcher.join()


def test_the_error_of_a_thread_is_raised_to_the_consumer_and_ends_the_others() -> None:
    others = threads()  # of an earlier run that was broken off: they may still wait for an answer
    both_work = threading.Barrier(2)

    def fail() -> tuple[int, list[Job[int]]]:
        both_work.wait(30)
        raise ValueError("torn")

    def go_on() -> tuple[int, list[Job[int]]]:
        both_work.wait(30)
        return 1, [chain(iter(range(10**9)))]

    with pytest.raises(ValueError, match="torn"):
        list(Prefetch([fail, go_on], workers=2))
    wait_until(lambda: threads() <= others)


def test_a_thread_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
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
        list(Prefetch([lambda: (waiting.wait(5), [])] * 8, workers=8))
    waiting.set()


def test_closing_ends_the_threads() -> None:
    others = threads()
    items = iter(Prefetch([chain(iter(range(10**9))) for _ in range(4)], workers=4))
    next(items)
    items.close()
    wait_until(lambda: threads() <= others)


def test_calls_in_parallel_answer_in_their_order() -> None:
    barrier = threading.Barrier(3)
    calls = [lambda number=number: (barrier.wait(5), number)[1] for number in range(3)]
    assert in_parallel(calls, workers=3) == [0, 1, 2]
