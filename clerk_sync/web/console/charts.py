"""Plots as geometry: what the templates draw as SVG, with classes for colours and not one inline style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from clerk_sync.mirror.reporting.pulse import Hour
from clerk_sync.web.console import formatting

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 24
FLOOR = HEIGHT - BOTTOM
GAP = 3

_SHORTEST_MS, _LONGEST_MS = 10.0, 7 * 86_400_000.0
_LAG_TICKS_MS = (10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000, 604_800_000)


class Tick(NamedTuple):
    """A line across the plot, or a mark below it."""

    at: float
    label: str


class Bar(NamedTuple):
    """A rectangle; ``kind`` is its class, ``title`` what it says to whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Span(NamedTuple):
    """A line from the 95th percentile at ``high`` down to the median at ``low``."""

    x: float
    low: float
    high: float
    title: str


class Plot(NamedTuple):
    """What is drawn on a sheet of WIDTH by HEIGHT."""

    bars: list[Bar]
    spans: list[Span]
    levels: list[Tick]
    hours: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = FLOOR


def plot_outcomes(hours: Sequence[Hour], outcomes: Sequence[str]) -> Plot:
    """Return stacked bars, one for each hour: how many deliveries came to which outcome."""
    levels = _levels(max((hour.deliveries for hour in hours), default=0))
    highest = levels[-1]
    bars: list[Bar] = []
    for place, hour in enumerate(hours):
        base = float(FLOOR)
        for outcome in outcomes:
            count = hour.outcomes[outcome]
            height = count / highest * (FLOOR - TOP)
            base -= height
            if count:
                title = f"{hour.begins_at:%H:%M} UTC: {count:,} {outcome}"
                bars.append(Bar(_x(place, len(hours)), base, _step(len(hours)) - GAP, height, outcome, title))
    ticks = [Tick(FLOOR - level / highest * (FLOOR - TOP), formatting.number(level)) for level in levels]
    return Plot(bars, [], ticks, _hour_ticks(hours))


def plot_lag(hours: Sequence[Hour]) -> Plot:
    """Return one line for each hour with deliveries, from median to 95th percentile, over a scale of powers of ten."""
    slowest_ms = max((hour.p95_lag_ms or 0.0 for hour in hours), default=0.0)
    ticks_ms = [tick for tick in _LAG_TICKS_MS if tick <= max(slowest_ms * 10, 1_000)]
    highest_ms = float(max(ticks_ms[-1], min(slowest_ms, _LONGEST_MS)))
    spans: list[Span] = []
    for place, hour in enumerate(hours):
        if hour.median_lag_ms is None or hour.p95_lag_ms is None:
            continue
        median, p95 = (formatting.span(lag_ms / 1000) for lag_ms in (hour.median_lag_ms, hour.p95_lag_ms))
        x = _x(place, len(hours)) + (_step(len(hours)) - GAP) / 2
        title = f"{hour.begins_at:%H:%M} UTC: half within {median}, 95 % within {p95}"
        spans.append(Span(x, _y_of(hour.median_lag_ms, highest_ms), _y_of(hour.p95_lag_ms, highest_ms), title))
    ticks = [Tick(_y_of(tick, highest_ms), _short(tick)) for tick in ticks_ms]
    return Plot([], spans, ticks, _hour_ticks(hours))


def _y_of(lag_ms: float, highest_ms: float) -> float:
    # Clocks differ: an event that seems to arrive before it happened stands on the floor.
    inside = min(max(lag_ms, _SHORTEST_MS), highest_ms)
    share = math.log10(inside / _SHORTEST_MS) / math.log10(highest_ms / _SHORTEST_MS)
    return FLOOR - share * (FLOOR - TOP)


def _short(lag_ms: int) -> str:
    for length_ms, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if lag_ms >= length_ms:
            return f"{lag_ms // length_ms} {unit}"
    return f"{lag_ms} ms"


def _levels(largest: int) -> list[int]:
    """Return up to five round levels from 0 to at least ``largest``."""
    step = 1
    while step * 4 < largest:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return [step * place for place in range(max(-(-largest // step), 1) + 1)]


def _step(places: int) -> float:
    return (WIDTH - LEFT - RIGHT) / places


def _x(place: int, places: int) -> float:
    return LEFT + place * _step(places) + GAP / 2


def _hour_ticks(hours: Sequence[Hour]) -> list[Tick]:
    centre = (_step(len(hours)) - GAP) / 2
    return [
        Tick(_x(place, len(hours)) + centre, f"{hour.begins_at:%H:%M}")
        for place, hour in enumerate(hours)
        if hour.begins_at.hour % 4 == 0
    ]
