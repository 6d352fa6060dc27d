"""Users of the local Clerk: records, changes, seeding."""
