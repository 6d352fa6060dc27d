"""The desk towards HTTP: translate, commit, count, answer. No decision about users or orders may live here."""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Hang every blueprint into ``app`` and answer its errors."""
    from clerk_sync.web import errors, health, webhooks

    errors.install_error_handlers(app)
    app.register_blueprint(health.health)
    app.register_blueprint(webhooks.webhooks)
