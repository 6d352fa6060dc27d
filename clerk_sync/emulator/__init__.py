"""The local Clerk: an emulator of Clerk, for development and tests.

It and the service never import each other (import-linter enforces it). Shared code would share a wrong assumption
about Clerk, and no test would notice. The emulator listens on 127.0.0.1 only, asks for no password, protects nothing.
"""

from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.server import LocalClerk

__all__ = ["ClerkApiError", "LocalClerk"]
