"""The storefront: a front end to try the service with, and a panel that shows what happens behind it.

For development only: in production its routes do not exist. It has no way into the shop of its own: its script calls
the API as any front end does. What it adds is one answer for the panel, about the visitor and nobody else.
"""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Hang the storefront into ``app``."""
    from clerk_sync.demo.storefront import pages, panel

    app.register_blueprint(pages.pages)
    app.register_blueprint(panel.panel)
