"""What an application gives the shop: an engine, and its words for database errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

from flask import Flask

if TYPE_CHECKING:
    import psycopg2
    from sqlalchemy import Engine

_KEY = "clerk_sync.shop"


class Backend(NamedTuple):
    """Functions of the application, called when they are needed: commands load no library before."""

    make_engine: Callable[[], Engine]
    describe_error: Callable[[psycopg2.Error], str]
    """Returns the fault and its fix, without a full stop."""


def install_backend(app: Flask, backend: Backend) -> None:
    """Store ``backend`` in ``app``."""
    app.extensions[_KEY] = backend


def find_backend(app: Flask) -> Backend:
    """Return the backend of ``app``."""
    return cast("Backend", app.extensions[_KEY])
