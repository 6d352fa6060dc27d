"""Clerk's Frontend API: the key set, sign-in, session cookies and the handshake."""
