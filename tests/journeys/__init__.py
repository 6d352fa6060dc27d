"""Journeys over the wire: real servers, real sockets, the local Clerk."""
