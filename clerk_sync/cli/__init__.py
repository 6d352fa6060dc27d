"""The desk towards the operator: translate, commit, count, print. No decision about users or orders may live here.

Modules are loaded whenever ``flask`` starts, so what is heavy is imported by the command that needs it.
"""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Give ``app`` its command groups."""
    from clerk_sync.cli import emulator, migrations, shop, sync_clerk

    app.cli.add_command(migrations.Migrations(app))
    app.cli.add_command(emulator.emulator)
    app.cli.add_command(shop.shop)
    app.cli.add_command(sync_clerk.sync_clerk)
