"""The storefront: a front end to try the service, and a panel that shows what the service does.

It exists in development only. Its script calls the API as any front end does. The one route that it adds, for the
panel, answers about the signed-in user only.
"""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Add the storefront to ``app``."""
    from clerk_sync.demo.storefront import pages, panel

    app.register_blueprint(pages.pages)
    app.register_blueprint(panel.panel)
