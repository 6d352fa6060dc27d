"""What we keep of Clerk: one row a user, the inbox of deliveries, the runs of sync.

Statements and their results. No Flask and no commit may enter here: whoever calls owns the transaction. All the room's
SQL is in ``store``, ``inbox``, ``binding`` and ``runs``; import-linter holds the wall.
"""
