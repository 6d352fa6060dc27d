"""The services and the session of the current Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, current_app

from clerk_sync.services import Services

if TYPE_CHECKING:
    from clerk_sync.db.orm import Session

_KEY = "clerk_sync"


def install_services(app: Flask, services: Services) -> None:
    """Store ``services`` in ``app``, where ``services()`` finds them."""
    app.extensions[_KEY] = services


def has_services(app: Flask) -> bool:
    """Return whether the extension has joined ``app``."""
    return _KEY in app.extensions


def services() -> Services:
    """Return the services of the current application."""
    return get_services(current_app)


def get_services(app: Flask) -> Services:
    """Return the services of ``app``; raise RuntimeError if the extension has not joined it."""
    try:
        found: Services = app.extensions[_KEY]
    except KeyError:
        raise RuntimeError("This application does not have the extension: call ClerkSync().init_app(app).") from None
    return found


def session() -> Session:
    """Return the current application's session. A command that needs one loads SQLAlchemy with this call."""
    from clerk_sync.db import orm

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a method of the proxy
    orm.install(app, services().pool)
    return orm.db.session()
