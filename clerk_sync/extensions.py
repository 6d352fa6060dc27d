"""The session of the current Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, current_app

from clerk_sync.services import get_services as get_services
from clerk_sync.services import services as services

if TYPE_CHECKING:
    from clerk_sync.db.orm import Session


def session() -> Session:
    """Return the current application's session. A command that needs one loads SQLAlchemy with this call."""
    from clerk_sync.db import orm

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a method of the proxy
    orm.install(app, services().pool)
    return orm.db.session()
