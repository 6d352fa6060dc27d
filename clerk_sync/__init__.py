"""A mirror of Clerk's users in PostgreSQL, and Clerk's session tokens, for any Flask application.

This is all of the public API; the rest of the package is internal.

    from clerk_sync import ClerkSync, current_user
    from flask import Blueprint, Flask

    clerk = ClerkSync()
    tasks = Blueprint("tasks", __name__)
    tasks.before_request(clerk.guard)

    @tasks.get("/tasks")
    def list_tasks():
        return {"owner": current_user().email}

    def create_app():
        app = Flask(__name__)
        clerk.init_app(app)
        app.register_blueprint(tasks)
        return app

Each name is loaded when it is first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clerk_sync.extension import ClerkSync, claims, collector, current_user, require_admin
    from clerk_sync.settings.settings import Settings
    from clerk_sync.web.problems import Problem

__all__ = ["ClerkSync", "Problem", "Settings", "claims", "collector", "current_user", "require_admin"]

_MODULES = {"Problem": "clerk_sync.web.problems", "Settings": "clerk_sync.settings.settings"}


def __getattr__(name: str) -> object:
    """Load a public name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES.get(name, "clerk_sync.extension")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
