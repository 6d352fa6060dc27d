"""``flask sync-clerk sync``: the command, the run, its progress and its report."""
