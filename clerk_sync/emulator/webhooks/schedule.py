"""Svix's retries: its schedule, its rules for 429 and Retry-After, and a factor that shortens all delays."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

DELAYS_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)
"""After the first attempt, which is immediate: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h."""

OVERLOADED_DELAY_S = 60.0
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Schedule:
    """Svix's retry schedule; ``factor`` 0.001 turns five minutes into 0.3 seconds."""

    factor: float = 1.0

    @property
    def attempts(self) -> int:
        """The total number of attempts for a message."""
        return 1 + len(DELAYS_S)

    def next_delay_s(
        self, attempts: int, *, chance: float, overloaded: bool, retry_after_s: float | None
    ) -> float | None:
        """Return the delay before the next attempt, or None after the last one.

        ``chance`` from 0 to 1 changes the delay by up to a fifth. If ``overloaded`` (429 or a timeout), the delay is at
        least a minute. A Retry-After is scaled by ``factor``, and limited to between one and two scheduled delays.
        """
        if attempts > len(DELAYS_S):
            return None
        delay_s = DELAYS_S[attempts - 1] * (1 - JITTER + 2 * JITTER * chance)
        if overloaded:
            delay_s = max(delay_s, OVERLOADED_DELAY_S)
        if retry_after_s is not None:
            delay_s = min(max(delay_s, retry_after_s), 2 * delay_s)
        return delay_s * self.factor


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Return the seconds of a Retry-After header, which may be a number or a date; None if it is neither."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now_s
    except ValueError:
        return None
