"""What became of a delivery."""

from enum import StrEnum


class Outcome(StrEnum):
    """The words of the contract, in the answer to a webhook and in the inbox."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    PARKED = "parked"
    FOREIGN = "foreign"
