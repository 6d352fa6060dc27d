"""Clerk's Backend API: HTTP, rate limit, retries and typed responses."""
