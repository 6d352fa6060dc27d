"""The desk towards HTTP: translate, commit, count, answer. No decision about users or orders may live here."""

from __future__ import annotations

from flask import Flask

from clerk_sync.extensions import services


def install(app: Flask) -> None:
    """Hang every blueprint into ``app``, answer its errors and observe its requests."""
    from clerk_sync.web import api, cors, errors, health, observe, webhooks

    errors.install_error_handlers(app)
    with app.app_context():
        cors.allow_authorized_parties(app, services().settings.authorized_parties)
    app.register_blueprint(health.health)
    app.register_blueprint(webhooks.webhooks)
    app.register_blueprint(api.api)
    app.wsgi_app = observe.Observer(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented place for middleware
