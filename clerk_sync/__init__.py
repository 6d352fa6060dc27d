"""A mirror of Clerk's users in PostgreSQL, and an example shop that uses it."""
