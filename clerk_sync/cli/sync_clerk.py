"""The command group ``flask sync-clerk``."""

from __future__ import annotations

from clerk_sync.cli.check import check
from clerk_sync.cli.doctor.command import doctor
from clerk_sync.cli.group import Group
from clerk_sync.cli.maintenance import prune, rebind, replay
from clerk_sync.cli.migrate import migrate
from clerk_sync.cli.sync.command import sync

sync_clerk = Group("sync-clerk", help="Sync, check and maintain the mirror of Clerk's users.")

for command in (sync, check, replay, doctor, prune, migrate, rebind):
    sync_clerk.add_command(command)
