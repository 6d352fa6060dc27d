"""Numbers, times and durations in the console, and a chart that stays inside its frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_sync.mirror.reporting.hourly_deliveries import STORED_OUTCOMES, Hour
from clerk_sync.web.console import formatting
from clerk_sync.web.console.charts import BASELINE, LEFT, RIGHT, TOP, WIDTH, draw_outcomes

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 ms"), (0, "0 ms"), (0.0854, "85 ms"), (1, "1.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"),
        (3599, "59 min 59 s"), (3600, "1 h 0 min"), (86_399, "23 h 59 min"), (90_000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_durations_have_two_units(seconds: float, words: str) -> None:
    assert formatting.span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "just now"), (0.4, "just now"), (59, "59 s ago"), (7300, "2 h ago"), (1e6, "11 d ago")]
)
def test_past_times_have_one_unit(seconds: float, words: str) -> None:
    assert formatting.ago(NOON - timedelta(seconds=seconds), NOON) == words


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [(1999, "EUR", "19.99 EUR"), (5, "USD", "0.05 USD"), (1999, "JPY", "1,999 JPY"), (1999, "KWD", "1.999 KWD")],
)
def test_money_has_the_decimals_of_its_currency(minor: int, currency: str, words: str) -> None:
    assert formatting.money(minor, currency) == words


@pytest.mark.parametrize("milliseconds", [-1, 0, 2**63 - 1])
def test_a_time_that_no_calendar_has_is_none(milliseconds: int) -> None:
    assert formatting.from_ms(milliseconds) is None


counts = st.integers(0, 10**9)


@given(st.lists(st.tuples(counts, counts), min_size=24, max_size=24))
def test_the_chart_stays_inside_its_frame(day: list[tuple[int, int]]) -> None:
    hours = [
        Hour(
            NOON + timedelta(hours=index),
            dict.fromkeys(STORED_OUTCOMES, 0) | {"applied": applied, "parked": parked},
            None,
            None,
        )
        for index, (applied, parked) in enumerate(day)
    ]
    chart = draw_outcomes(hours, STORED_OUTCOMES)
    for bar in chart.bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH - RIGHT
        assert TOP - 0.01 <= bar.y <= bar.y + bar.height <= BASELINE + 0.01
    heights = [level.at for level in chart.levels]
    assert 2 <= len(heights) <= 10
    assert sorted(set(heights), reverse=True) == heights
    assert TOP - 0.01 <= heights[-1] <= heights[0] == BASELINE


def test_levels_are_round_numbers() -> None:
    for largest, labels in (
        (0, ["0", "1"]), (1, ["0", "1"]), (4, ["0", "1", "2", "3", "4"]), (7, ["0", "2", "4", "6", "8"]),
        (23, ["0", "10", "20", "30"]), (2600, ["0", "1,000", "2,000", "3,000"]),
    ):  # fmt: skip
        hours = [Hour(NOON, dict.fromkeys(STORED_OUTCOMES, 0) | {"applied": largest}, None, None)]
        assert [level.label for level in draw_outcomes(hours, STORED_OUTCOMES).levels] == labels
