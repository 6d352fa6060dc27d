"""An example business on top of the mirror: catalogue, addresses, cart, orders. It finds its users in ``users``.

- ``routes/`` translates HTTP to the modules of this package and commits. Only it and ``install`` use Flask.
- ``addresses``, ``cart``, ``catalogue`` and ``orders`` contain the rules.
- ``store/`` contains the SQL. Prices come from the catalogue only.
"""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Add the shop's routes, its error handlers and its part of the console to ``app``."""
    from clerk_sync.shop.routes import addresses, admin_orders, cart, console_section, orders, products, shop_errors
    from clerk_sync.web import console

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
    console.add_user_section(app, console_section.show_orders)


def install_commands(app: Flask) -> None:
    """Add ``flask shop`` to ``app``."""
    from clerk_sync.shop import cli

    app.cli.add_command(cli.shop)
