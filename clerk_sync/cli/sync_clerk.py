"""``flask sync-clerk``: the mirror from the operator's side."""

from __future__ import annotations

from clerk_sync.cli.check_command import check
from clerk_sync.cli.doctor_command import doctor
from clerk_sync.cli.group import Group
from clerk_sync.cli.sync_command import sync
from clerk_sync.cli.upkeep import prune, rebind, replay

sync_clerk = Group("sync-clerk", help="The mirror of Clerk's users.")

for command in (sync, check, replay, doctor, prune, rebind):
    sync_clerk.add_command(command)
