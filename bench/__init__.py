"""The bench: how fast the service answers and how fast sync fills a mirror, each compared with a lower bound.

``python -m bench.web`` and ``python -m bench.sync`` print figures; docs/performance.md explains them. They measure the
Procfile's server and the ``flask`` command with production settings, on a PostgreSQL that waits for its disk. The load
driver and the stand-in for Clerk's API report their own cost, which shows that they are not the limit. If a response
is wrong, no figure is printed. The service imports nothing from here.
"""
