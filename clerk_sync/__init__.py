"""A local mirror of Clerk's users in PostgreSQL, and the shop that joins to it."""
