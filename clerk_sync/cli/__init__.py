"""The desk towards the operator: translate, commit, count, print."""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Give ``app`` its command groups."""
    from clerk_sync.cli import emulator, shop, sync_clerk

    app.cli.add_command(emulator.emulator)
    app.cli.add_command(shop.shop)
    app.cli.add_command(sync_clerk.sync_clerk)
