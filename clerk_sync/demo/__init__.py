"""The demonstration: everything started for real, and the first sign-in played from beginning to end.

It stands beside the house, not in it: it starts processes and then only speaks HTTP, psql and ``flask`` to them.
"""
