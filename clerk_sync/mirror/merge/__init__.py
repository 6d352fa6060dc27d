"""The merge: user snapshots become rows, by one rule for every writer."""
