"""An example business on top of the mirror: catalogue, addresses, cart, orders. It finds its users in ``users``.

It uses the public names of ``clerk_sync`` only, as any other application would.

- ``routes/`` translates HTTP to the modules of this package and commits. Only it, ``db`` and the commands use Flask.
- ``addresses``, ``cart``, ``catalogue`` and ``orders`` contain the rules.
- ``store/`` contains the SQL. Prices come from the catalogue only.
"""

from __future__ import annotations

from flask import Flask

from clerk_sync.shop.backend import Backend, install_backend


def install_commands(app: Flask, backend: Backend) -> None:
    """Add ``flask shop`` to ``app``. ``install`` also needs the ``backend``."""
    from clerk_sync.shop import cli

    install_backend(app, backend)
    app.cli.add_command(cli.shop)


def install(app: Flask) -> None:
    """Add the shop's sessions, routes and error handlers to ``app``."""
    from clerk_sync.shop import db
    from clerk_sync.shop.routes import addresses, admin_orders, cart, console_section, orders, products, shop_errors

    db.install(app)
    shop_errors.install(app)
    for blueprint in (
        products.products,
        addresses.addresses,
        cart.cart,
        orders.orders,
        admin_orders.admin_orders,
        console_section.templates,
    ):
        app.register_blueprint(blueprint)
