"""Real processes to try things on: PostgreSQL servers of one's own, the service as the Procfile starts it, PgBouncer.

Journeys and the storm stand on it. Nothing here knows the inside of the service: what it needs goes through the
environment, a socket, a signal or ``flask``.
"""
