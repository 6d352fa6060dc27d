"""What the Flask application carries: the session and the services, each under a typed name."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from clerk_sync.mirror.models import Base
from clerk_sync.services import Services
from clerk_sync.shop import models as _shop_models  # noqa: F401 - its tables belong to the metadata

db = SQLAlchemy(model_class=Base)

_KEY = "clerk_sync"


def install_services(app: Flask, services: Services) -> None:
    """Make ``services`` what ``services()`` returns inside ``app``."""
    app.extensions[_KEY] = services


def services() -> Services:
    """Return the services of the current application."""
    return cast("Services", current_app.extensions[_KEY])
