"""What ``flask`` and the production server load."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clerk_sync.app import create_app
from clerk_sync.config import ConfigurationError
from clerk_sync.extensions import services
from clerk_sync.metrics import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

try:
    app = create_app()
except ConfigurationError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)


def serve() -> WSGIApplication:
    """Return the application for a web worker, with everything loaded that the first request would wait for."""
    with app.app_context():
        services().warm_up()
    metrics()
    return app
