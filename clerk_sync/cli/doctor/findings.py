"""What a check says: how it stands, what was found, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """How a thing stands: as it should be; worth a look, or not proven; in need of a mend."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    verdict: Verdict
    found: str
    mend: str | None = None


def ok(subject: str, found: str) -> Finding:
    """Return a green line."""
    return Finding(subject, Verdict.OK, found)


def warning(subject: str, found: str, mend: str | None = None) -> Finding:
    """Return a yellow line."""
    return Finding(subject, Verdict.WARNING, found, mend)


def wrong(subject: str, found: str, mend: str) -> Finding:
    """Return a red line."""
    return Finding(subject, Verdict.WRONG, found, mend)


def age_text(age: timedelta) -> str:
    """Return ``age`` as people say it: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
