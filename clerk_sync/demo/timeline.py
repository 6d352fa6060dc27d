"""The demo's output: for each step what was sent, what changed and how long it took."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class MismatchError(Exception):
    """A step had another result than expected; the text gives both."""


def expect(found: object, expected: object, what: str) -> None:
    """Raise MismatchError unless ``found`` is ``expected``."""
    if found != expected:
        raise MismatchError(f"{what}: expected {expected!r}, found {found!r}")


class Timeline:
    """Prints to stdout as things happen."""

    def __init__(self) -> None:
        self._started_at = perf_counter()
        self._steps = 0
        self._bold, self._plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")

    def heading(self, text: str) -> None:
        """Print a line in bold."""
        self._print(f"\n{self._bold}{text}{self._plain}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Number and time one step."""
        self._steps += 1
        self.heading(f"{self._steps:2}  {title}")
        started_at = perf_counter()
        yield
        self._print(f"    {_duration(perf_counter() - started_at)}")

    def sent(self, text: str) -> None:
        """Print what was sent or run."""
        self._print(f"    → {text}")

    def changed(self, text: str) -> None:
        """Print the result."""
        self._print(f"    ← {text}")

    @contextmanager
    def started(self, text: str) -> Iterator[None]:
        """Time the start of one process."""
        started_at = perf_counter()
        yield
        self._print(f"    {text}  {_duration(perf_counter() - started_at)}")

    def note(self, text: str = "") -> None:
        """Print a plain line."""
        self._print(text)

    def total(self) -> str:
        """Return the time since the start."""
        return _duration(perf_counter() - self._started_at)

    def _print(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
