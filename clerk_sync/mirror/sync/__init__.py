"""Sync: one run reads Clerk's list of users and merges it."""
