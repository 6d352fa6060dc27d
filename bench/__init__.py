"""The measuring room: how fast the service answers and the sync fills, each beside the least it could cost.

``python -m bench.web`` and ``python -m bench.sync`` print figures; docs/performance.md says how to read them. What is
measured is the real thing: the Procfile's server and the ``flask`` command with production settings, on a PostgreSQL
that waits for its disk. What stands around it (load driver, stand-in for Clerk's API) tells its own cost, so that
nobody takes it for the limit. No figure is printed of answers that were wrong. The service imports nothing from here.
"""
