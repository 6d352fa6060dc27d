"""The mirror: one row for each user of Clerk, the inbox of webhook deliveries, and the runs of sync.

It imports no Flask and never commits: the caller owns the transaction. The linter checks the imports.

===============  =======================================================================================================
``merge``        the SQL that writes users, the functions that send it, and the comparison without writing
``local_users``  finds the local user of a session, or inserts a placeholder
``inbox``        applies deliveries in batches, records each one, parks and replays those that cannot be used
``sync``         a run of sync: plan, windows, pages, confirmation by id, lease and checkpoint
``reporting``    reads only: metrics, status, drift, and the queries of the console
``binding``      the one Clerk instance that this mirror copies
``role_guard``   whether the database refuses a role change by the application
``host_tables``  the tables, for the models and migrations of an application around the mirror
===============  =======================================================================================================

``models`` has the tables, ``migrations`` installs them with their triggers and functions, and ``errors`` says why a
run stops.
"""
