"""The outcome of a delivery."""

from enum import StrEnum


class Outcome(StrEnum):
    """These words are in the response to a webhook and in the inbox."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    PARKED = "parked"
    FOREIGN = "foreign"
