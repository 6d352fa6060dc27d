"""What we keep of Clerk: one row a user, the inbox of deliveries, the runs of sync.

No Flask and no commit may enter here: whoever calls owns the transaction. Import-linter holds the wall.

==============  ========================================================================================================
writing users   ``sql`` has the text of every write; ``store`` sends it, ``functions`` puts it into the database.
                Three ways lead there: ``apply`` (deliveries, or a parked one again), ``accounts`` (a first sight),
                ``sinks`` (sync)
deliveries      ``intake`` takes them in groups; ``inbox``, ``outcome``; ``binding`` says of which Clerk instance
                this is the mirror
a run of sync   ``runs`` holds lease and report, ``orders`` what can be ordered; ``terms``, ``opening``, ``planning``
                come before the walk; ``windows``, ``prefetch``, ``reconcile``, ``some_users``, ``missing``, ``steps``
                are the walk
the drift       ``differences``, ``drift``, ``glance``: compared, never repaired
to be read      by programs: ``gauges``, ``report``, ``vital_signs``; by people: ``search``, ``history``,
                ``deliveries``, ``run_history``, ``pulse``; ``role_wall`` looks at the wall from outside
==============  ========================================================================================================

``models`` has the tables and ``errors`` why a run stops. Triggers and functions come into the database by migrations.
"""
