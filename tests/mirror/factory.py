"""Snapshots for tests of the mirror."""

from __future__ import annotations

from typing import Any

import msgspec

from clerk_sync.clerk.users import UserSnapshot

USER = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa"

_SNAPSHOT = UserSnapshot(
    USER,
    email="grace@example.com",
    email_verified=True,
    first_name="Grace",
    clerk_created_at=1000,
    clerk_updated_at=1000,
)


def snapshot(version: int = 1000, **changes: Any) -> UserSnapshot:
    """Return what Clerk says of one user at ``version``."""
    return msgspec.structs.replace(_SNAPSHOT, clerk_updated_at=version, **changes)
