"""Real processes for tests: PostgreSQL servers, the service as the Procfile starts it, PgBouncer, nginx.

Journeys, deployment tests and the storm use it. It controls the service only through the environment, sockets, signals
and ``flask``.
"""
