"""The desk towards HTTP: translate, commit, count, answer. No decision about users or orders may live here."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask

from clerk_sync.extensions import services
from clerk_sync.settings.settings import Environment, Settings
from clerk_sync.telemetry.logs import AccessLog


def install(app: Flask, settings: Settings) -> None:
    """Hang every blueprint into ``app``, answer its errors and observe its requests."""
    from clerk_sync.demo import storefront
    from clerk_sync.shop.routes import products, shop_errors
    from clerk_sync.web import console, converters, fast_path, health, problems, webhooks
    from clerk_sync.web.docs import openapi_views
    from clerk_sync.web.middleware import cors, observe, request_body

    # From the inside to the outside; the last is the first to see a request.
    fast_path.install(app)
    request_body.install(app)
    cors.install(app, settings.authorized_parties)
    observe.install(app, AccessLog(settings))
    converters.install(app)
    problems.install_error_handlers(app)
    shop_errors.install(app)
    app.register_blueprint(health.health)
    app.register_blueprint(webhooks.webhooks)
    app.register_blueprint(products.catalogue)
    app.register_blueprint(openapi_views.documents)
    app.register_blueprint(_guarded())
    console.install(app)
    if settings.environment is Environment.DEVELOPMENT:
        storefront.install(app)
    with app.app_context():
        services().warm_up()


@cache
def _guarded() -> Blueprint:
    """Return the guarded parent with its children: hung in once a process, however many applications are made."""
    from clerk_sync.shop.routes import addresses, cart, orders
    from clerk_sync.web import account, admin, api

    for child in (account.account, addresses.addresses, cart.cart, orders.orders, admin.admin):
        api.api.register_blueprint(child)
    return api.api
