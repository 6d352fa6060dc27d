"""Why a run of sync stops. Each error carries its evidence; the command turns it into the exit status.

SyncError
├── GuardRefusedError          a safety guard: what was merged stays, nothing is deleted
│   ├── ForeignInstanceError   the key belongs to another Clerk instance than the mirror
│   ├── EmptyListingError      Clerk lists no users, and the mirror has some
│   ├── ShortListingError      Clerk lists fewer users than it counts
│   ├── TooManyMissingError    more users would be deleted than the limit allows
│   └── RunInProgressError     another run is in progress
├── KeyMismatchError           a live key for a development instance, or the reverse
└── LeaseLostError             another run took over the lease: this one must stop writing
"""

from __future__ import annotations

from datetime import datetime


class SyncError(Exception):
    """The base of the mirror's errors."""


class GuardRefusedError(SyncError):
    """A safety guard refused the run."""


class ForeignInstanceError(GuardRefusedError):
    """The secret key belongs to another instance than the mirrored one."""

    def __init__(self, found: str, bound: str) -> None:
        super().__init__(
            f"CLERK_SECRET_KEY belongs to {found}, this mirror is bound to {bound}; "
            "to copy the other instance from now on: flask sync-clerk rebind"
        )
        self.found = found
        self.bound = bound


class EmptyListingError(GuardRefusedError):
    """Clerk lists no users, and the mirror has some."""

    def __init__(self, live: int) -> None:
        super().__init__(f"Clerk lists no users, and the mirror has {live}; check CLERK_SECRET_KEY")
        self.live = live


class ShortListingError(GuardRefusedError):
    """The listing showed too few users to decide who is missing."""


class TooManyMissingError(GuardRefusedError):
    """More users are missing from Clerk than one run may delete."""

    def __init__(self, missing: int, cap: int) -> None:
        super().__init__(
            f"at least {missing} users are missing from Clerk, and one run may delete at most {cap}; "
            "list them with --dry-run --verbose, then raise the limit with --max-deletes"
        )
        self.missing = missing
        self.cap = cap


class RunInProgressError(GuardRefusedError):
    """Another run holds the lease, and its heartbeat is recent."""

    def __init__(self, run_id: int, started_at: datetime) -> None:
        super().__init__(f"run {run_id} has been in progress since {started_at:%Y-%m-%d %H:%M:%S %Z}")
        self.run_id = run_id
        self.started_at = started_at


class KeyMismatchError(SyncError):
    """The prefix of the key contradicts the environment type of its instance."""

    def __init__(self, prefix: str, environment_type: str) -> None:
        super().__init__(f"CLERK_SECRET_KEY starts with {prefix}, but its instance is of type {environment_type}")


class LeaseLostError(SyncError):
    """The row of this run says that it has ended."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"run {run_id} missed its heartbeats, and another run has taken over")
        self.run_id = run_id
