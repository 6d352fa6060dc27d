"""The chart of deliveries by hour and outcome, as geometry for an SVG in the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clerk_sync.mirror.reporting.hourly_deliveries import Hour
from clerk_sync.web.console import formatting

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 24
BASELINE = HEIGHT - BOTTOM
GAP = 3


class Tick(NamedTuple):
    """A label on an axis."""

    at: float
    label: str


class Bar(NamedTuple):
    """A rectangle; ``kind`` is its CSS class, ``title`` its tooltip."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Chart(NamedTuple):
    """Stacked bars with their axes."""

    bars: list[Bar]
    levels: list[Tick]
    hours: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def draw_outcomes(hours: Sequence[Hour], outcomes: Sequence[str]) -> Chart:
    """Return one stacked bar for each hour: the number of deliveries by outcome."""
    levels = _levels(max((hour.deliveries for hour in hours), default=0))
    unit = (BASELINE - TOP) / levels[-1]
    step = (WIDTH - LEFT - RIGHT) / max(len(hours), 1)
    bars: list[Bar] = []
    labels: list[Tick] = []
    for index, hour in enumerate(hours):
        x, y = LEFT + index * step + GAP / 2, float(BASELINE)
        for outcome in outcomes:
            count = hour.outcomes[outcome]
            y -= count * unit
            if count:
                title = f"{hour.begins_at:%H:%M} UTC: {count:,} {outcome}"
                bars.append(Bar(x, y, step - GAP, count * unit, outcome, title))
        if hour.begins_at.hour % 4 == 0:
            labels.append(Tick(x + (step - GAP) / 2, f"{hour.begins_at:%H:%M}"))
    return Chart(bars, [Tick(BASELINE - level * unit, formatting.number(level)) for level in levels], labels)


def _levels(largest: int) -> list[int]:
    """Return two to five round levels from 0 to at least ``largest``."""
    step = 1
    while step * 4 < largest:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return [step * index for index in range(max(-(-largest // step), 1) + 1)]
