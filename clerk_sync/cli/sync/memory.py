"""Memory that a long run gives back on the way.

Each page is text several times over, a quarter of a megabyte a time, and what is small settles where the large was.
Left alone, a run over a million users would hold half as much again as one over twenty thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

GIVE_BACK_AFTER = 50  # steps: a pause of a millisecond


def tidily(steps: Iterable[T]) -> Iterator[T]:
    """Yield ``steps``, and give free memory back now and then."""
    for number, step in enumerate(steps, start=1):
        yield step
        if number % GIVE_BACK_AFTER == 0:
            give_back()


def give_back() -> None:
    """Return to the system what lies free between what is used, where the C library can be told to: glibc."""
    import ctypes  # a short run does not come so far

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
