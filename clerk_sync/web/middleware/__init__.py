"""WSGI middleware: observation, CORS, request bodies."""
