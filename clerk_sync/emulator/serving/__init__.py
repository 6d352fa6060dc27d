"""The HTTP server of the local Clerk."""
