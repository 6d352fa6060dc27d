"""The local Clerk and the sync command, for this folder."""

from tests.local_clerk import clerk, clerk_app, command, fake_time, process, sync

__all__ = ["clerk", "clerk_app", "command", "fake_time", "process", "sync"]
