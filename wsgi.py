"""Where ``flask`` and the production server look for the application; see clerk_sync/wsgi.py."""

from clerk_sync.wsgi import app, serve

__all__ = ["app", "serve"]
