"""Why a run of sync stops; each error carries its evidence, the desk finds the exit status.

SyncError
├── Refused              a safety guard: what was merged stays, nothing is deleted
│   ├── ForeignInstance  the key belongs to another Clerk instance than the mirror
│   ├── EmptyListing     Clerk lists nobody, and the mirror holds users
│   ├── ShortListing     Clerk lists fewer users than it has
│   ├── TooManyMissing   more users would be deleted than may be
│   └── RivalRun         another run is alive
├── KeyMismatch          a live key for a development instance, or the reverse
└── LeaseLost            another run took this one for dead: it must not write any more
"""

from __future__ import annotations

from datetime import datetime


class SyncError(Exception):
    """The root of this room's errors."""


class GuardRefusedError(SyncError):
    """A safety guard says no."""


class ForeignInstanceError(GuardRefusedError):
    """The secret key selects another instance than the one that is mirrored."""

    def __init__(self, found: str, bound: str) -> None:
        super().__init__(
            f"CLERK_SECRET_KEY belongs to {found}, this mirror is bound to {bound}; "
            "if it is to copy the other instance from now on: flask sync-clerk rebind"
        )
        self.found = found
        self.bound = bound


class EmptyListingError(GuardRefusedError):
    """Nobody upstream, somebody here."""

    def __init__(self, live: int) -> None:
        super().__init__(f"Clerk lists no user at all, the mirror holds {live}")
        self.live = live


class ShortListingError(GuardRefusedError):
    """The walk saw too little to be trusted."""


class TooManyMissingError(GuardRefusedError):
    """More confirmed deletions than allowed."""

    def __init__(self, missing: int, cap: int) -> None:
        super().__init__(
            f"at least {missing} users are gone from Clerk, and at most {cap} may be deleted in one run; "
            "look at them with --dry-run --verbose, then allow it with --max-deletes"
        )
        self.missing = missing
        self.cap = cap


class RunInProgressError(GuardRefusedError):
    """Another run holds the lease and its heart beats."""

    def __init__(self, run_id: int, started_at: datetime) -> None:
        super().__init__(f"run {run_id} has been at work since {started_at:%Y-%m-%d %H:%M:%S %Z}")
        self.run_id = run_id
        self.started_at = started_at


class KeyMismatchError(SyncError):
    """The key's prefix and the instance's environment contradict each other."""

    def __init__(self, prefix: str, environment_type: str) -> None:
        super().__init__(f"CLERK_SECRET_KEY begins with {prefix}, its instance says that it is {environment_type}")


class LeaseLostError(SyncError):
    """The run's row says that it is over."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"run {run_id} was taken for dead, and another one has taken over")
        self.run_id = run_id
