"""The system clock. Tests may give records another clock; tokens and signatures always use this one."""

from __future__ import annotations

import time


def wall_clock_ms() -> int:
    """Return Unix milliseconds."""
    return time.time_ns() // 1_000_000
