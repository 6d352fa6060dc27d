"""Clerk's Backend API: routes, queries and the rate limit."""
