"""The desk towards HTTP: translate, commit, count, answer. No decision about users or orders may live here."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask

from clerk_sync.config import Environment, Settings
from clerk_sync.extensions import services
from clerk_sync.logs import AccessLog


def install(app: Flask, settings: Settings) -> None:
    """Hang every blueprint into ``app``, answer its errors and observe its requests."""
    from clerk_sync.web import (
        catalogue,
        console,
        converters,
        cors,
        documents,
        errors,
        express,
        front,
        health,
        observe,
        refusals,
        storefront,
        webhooks,
    )

    # From the inside to the outside; the last is the first to see a request.
    express.lay(app)
    front.stand_in_front(app)
    cors.allow_authorized_parties(app, settings.authorized_parties)
    observe.observe(app, AccessLog(settings))
    converters.install(app)
    errors.install_error_handlers(app)
    refusals.install(app)
    app.register_blueprint(health.health)
    app.register_blueprint(webhooks.webhooks)
    app.register_blueprint(catalogue.catalogue)
    app.register_blueprint(documents.documents)
    app.register_blueprint(_guarded())
    console.install(app)
    if settings.environment is Environment.DEVELOPMENT:
        storefront.install(app)
    with app.app_context():
        services().warm_up()


@cache
def _guarded() -> Blueprint:
    """Return the guarded parent with its children: hung in once a process, however many applications are made."""
    from clerk_sync.web import account, addresses, admin, api, cart, orders

    for child in (account.account, addresses.addresses, cart.cart, orders.orders, admin.admin):
        api.api.register_blueprint(child)
    return api.api
