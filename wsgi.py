"""``flask`` and production servers load this module; see clerk_sync/wsgi.py."""

from clerk_sync.wsgi import app, serve

__all__ = ["app", "serve"]
