"""A second, independent Clerk, for development and tests.

Nothing of the service may enter here and nothing of this may be imported by the service: the two meet only on the
wire, so that a misunderstanding of Clerk in one is not shared by the other. import-linter (setup.cfg) enforces it.

It listens on 127.0.0.1 only, asks for no password and protects nothing.
"""

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.server import LocalClerk

__all__ = ["ClerkApiError", "LocalClerk"]
