"""The demo: start every process, then run the first sign-in from end to end.

It controls the processes from outside: over HTTP, through psql and with ``flask``.
"""
