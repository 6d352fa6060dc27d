"""What the Flask application carries: the services, under a typed name."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from clerk_sync.services import Services

_KEY = "clerk_sync"


def install_services(app: Flask, services: Services) -> None:
    """Make ``services`` what ``services()`` returns inside ``app``."""
    app.extensions[_KEY] = services


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions[_KEY])
