from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from clerk_sync.clerk.api.transport import IN_FLIGHT_POLL_S, RateLimiter
from tests.clerk.api.scripted_api import FakeTime


@pytest.fixture
def limiter(fake_time: FakeTime) -> RateLimiter:
    return RateLimiter(3, 10.0, clock=fake_time.clock, sleep=fake_time.sleep)


def use(limiter: RateLimiter, times: int = 1) -> None:
    for _ in range(times):
        with limiter.slot():
            pass


def test_a_burst_up_to_the_limit_does_not_wait(limiter: RateLimiter, fake_time: FakeTime) -> None:
    use(limiter, 3)
    assert fake_time.slept_s == []


def test_the_request_beyond_the_limit_waits_until_the_first_is_a_period_old(
    limiter: RateLimiter, fake_time: FakeTime
) -> None:
    use(limiter)
    fake_time.now_s += 4
    use(limiter, 3)
    assert fake_time.slept_s == [6.0]


def test_the_period_counts_from_the_answer_not_from_the_request(limiter: RateLimiter, fake_time: FakeTime) -> None:
    with limiter.slot():
        fake_time.now_s += 7  # a slow one: the server may have counted it at any moment until now
    use(limiter, 3)
    assert fake_time.slept_s == [10.0]


def test_no_period_ever_holds_more_than_the_limit(limiter: RateLimiter, fake_time: FakeTime) -> None:
    sent_at = []
    for number in range(40):
        with limiter.slot():
            sent_at.append(fake_time.now_s)
        fake_time.now_s += number % 5
    assert all(later - earlier >= 10.0 for earlier, later in zip(sent_at, sent_at[3:], strict=False))


def test_requests_on_their_way_hold_their_slots(fake_time: FakeTime) -> None:
    on_their_way = ExitStack()

    def sleep(seconds: float) -> None:
        fake_time.sleep(seconds)
        on_their_way.close()

    limiter = RateLimiter(2, 10.0, clock=fake_time.clock, sleep=sleep)
    on_their_way.enter_context(limiter.slot())
    on_their_way.enter_context(limiter.slot())
    use(limiter)
    assert fake_time.slept_s == [IN_FLIGHT_POLL_S, 10.0]


def test_a_request_that_failed_counts_too(limiter: RateLimiter, fake_time: FakeTime) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="torn"), limiter.slot():
            raise ValueError("torn")
    use(limiter)
    assert fake_time.slept_s == [10.0]


def test_a_pause_holds_everybody_and_a_shorter_one_does_not_end_it(limiter: RateLimiter, fake_time: FakeTime) -> None:
    limiter.pause(30.0)
    limiter.pause(2.0)
    use(limiter)
    assert fake_time.slept_s == [30.0]


def test_threads_share_one_limit(fake_time: FakeTime) -> None:
    limiter = RateLimiter(5, 10.0, clock=fake_time.clock, sleep=fake_time.sleep)
    started_at: list[float] = []

    def ask(_: int) -> None:
        with limiter.slot():
            started_at.append(fake_time.now_s)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(60)))
    started_at.sort()
    assert all(later - earlier >= 10.0 for earlier, later in zip(started_at, started_at[5:], strict=False))


def test_what_sleep_raises_ends_the_waiting_and_takes_no_slot(fake_time: FakeTime) -> None:
    class Stopped(Exception):
        pass

    signals: Iterator[type[Exception] | None] = iter([Stopped, None])

    def sleep(seconds: float) -> None:
        if signal := next(signals):
            raise signal
        fake_time.sleep(seconds)

    limiter = RateLimiter(1, 10.0, clock=fake_time.clock, sleep=sleep)
    use(limiter)
    with pytest.raises(Stopped):
        use(limiter)
    use(limiter)
    assert fake_time.slept_s == [10.0]
