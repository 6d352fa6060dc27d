"""The findings of the doctor: a verdict, what was found, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """OK: as it should be. WARNING: worth a look, or not checked. WRONG: has to be fixed."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    verdict: Verdict
    found: str
    fix: str | None = None


def ok(subject: str, found: str) -> Finding:
    """Return an OK finding."""
    return Finding(subject, Verdict.OK, found)


def warning(subject: str, found: str, fix: str | None = None) -> Finding:
    """Return a WARNING finding."""
    return Finding(subject, Verdict.WARNING, found, fix)


def wrong(subject: str, found: str, fix: str) -> Finding:
    """Return a WRONG finding."""
    return Finding(subject, Verdict.WRONG, found, fix)


def age_text(age: timedelta) -> str:
    """Return ``age`` in its largest unit: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
