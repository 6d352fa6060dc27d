"""What Clerk's documentation leaves open; a client has to get along with either answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Quirks:
    """The answers that this instance gives; they may be changed while it runs."""

    window_ends_belong: bool = False
    """Whether ``created_at_after`` and ``_before`` include their own millisecond."""

    deleted_cursor_works: bool = True
    """Whether ``starting_after`` may name a user who has been deleted since; otherwise 422."""
