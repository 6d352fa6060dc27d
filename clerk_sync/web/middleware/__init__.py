"""WSGI middleware: request bodies, request log, cross-origin requests."""
