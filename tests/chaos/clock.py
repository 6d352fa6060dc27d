"""Clerk's clock in the storm: the seed fixes its times, and many calls return the same time."""

from __future__ import annotations

import random

FIRST_MS = 1_700_000_000_000


class SlowClock:
    """Milliseconds that advance on every second call, on average. The same ``seed`` gives the same times."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"clock {seed}")
        self._now_ms = FIRST_MS

    def __call__(self) -> int:
        self._now_ms += self._random.choice((0, 0, 1, 1, 3))
        return self._now_ms
