"""The web part that any Flask application gets: authentication, webhooks, health, metrics, API docs, console.

It translates HTTP to calls of ``mirror`` and back. It never imports the shop, the commands or the demo.
"""

from __future__ import annotations

from flask import Flask

from clerk_sync.extensions import services
from clerk_sync.settings.settings import Settings
from clerk_sync.telemetry.logs import AccessLog


def install(app: Flask, settings: Settings) -> None:
    """Add the routes, the error handlers and the middleware to ``app``."""
    from clerk_sync.web import account, admin, console, converters, health, problems, webhooks
    from clerk_sync.web.docs import openapi_views
    from clerk_sync.web.middleware import cors, observe, request_body

    # From the innermost middleware to the outermost: the last one sees a request first.
    request_body.install(app)
    cors.install(app, settings.authorized_parties)
    observe.install(app, AccessLog(settings))
    converters.install(app)
    problems.install_error_handlers(app)
    for blueprint in (health.health, webhooks.webhooks, openapi_views.docs, account.account, admin.admin):
        app.register_blueprint(blueprint)
    console.install(app)
    with app.app_context():
        services().warm_up()
