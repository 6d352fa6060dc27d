"""The host names of this machine. Not in ``http``: the settings need them without loading an HTTP library."""

from __future__ import annotations

LOOPBACK = ("localhost", "127.0.0.1", "::1")
