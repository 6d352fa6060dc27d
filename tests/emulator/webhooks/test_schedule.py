from __future__ import annotations

from email.utils import formatdate

import pytest

from clerk_sync.emulator.webhooks.schedule import Schedule, parse_retry_after


def delays(schedule: Schedule, chance: float = 0.5) -> list[float | None]:
    return [
        schedule.next_delay_s(attempts, chance=chance, overloaded=False, retry_after_s=None)
        for attempts in range(1, schedule.attempts + 1)
    ]


def test_a_message_is_tried_eight_times_over_27_hours() -> None:
    assert delays(Schedule()) == [5, 300, 1800, 7200, 18000, 36000, 36000, None]


def test_the_factor_compresses_every_delay() -> None:
    assert delays(Schedule(0.001))[:3] == pytest.approx([0.005, 0.3, 1.8])


def test_a_delay_varies_by_a_fifth() -> None:
    assert delays(Schedule(), 0.0)[0] == pytest.approx(4)
    assert delays(Schedule(), 1.0)[0] == pytest.approx(6)


def test_an_overloaded_endpoint_gets_a_minute() -> None:
    assert Schedule().next_delay_s(1, chance=0.5, overloaded=True, retry_after_s=None) == 60
    assert Schedule().next_delay_s(2, chance=0.5, overloaded=True, retry_after_s=None) == 300


@pytest.mark.parametrize(("asked", "given"), [(1, 300), (400, 400), (100_000, 600)])
def test_retry_after_counts_between_one_and_two_delays(asked: float, given: float) -> None:
    assert Schedule().next_delay_s(2, chance=0.5, overloaded=False, retry_after_s=asked) == given


def test_retry_after_is_a_number_or_a_date() -> None:
    assert parse_retry_after("7", 0.0) == 7
    assert parse_retry_after(formatdate(1_700_000_010, usegmt=True), 1_700_000_000.0) == 10
    assert parse_retry_after("soon", 0.0) is None
    assert parse_retry_after(None, 0.0) is None
