"""The time of day. Records may be given another clock; tokens and signatures have to be true."""

from __future__ import annotations

import time


def wall_clock_ms() -> int:
    """Return Unix milliseconds."""
    return time.time_ns() // 1_000_000
