"""Changes at Clerk before a command runs."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.local_clerk import Command


def change_users(clerk: LocalClerk, sync: Command) -> dict[str, str]:
    """Fill the mirror, then insert, change and delete one user at Clerk."""
    clerk.users.seed(12)
    sync()
    first, second, *_ = clerk.users.snapshot()
    clerk.users.delete(first.id)
    clerk.users.update(second.id, first_name="Confidential", email="secret@example.com")
    return {"gone": first.id, "changed": second.id, "new": clerk.users.create(first_name="Confidential")["id"]}
