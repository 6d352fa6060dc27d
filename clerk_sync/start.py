"""Checks the settings, then executes a command: ``python -m clerk_sync.start granian …``.

A server loads the application once per worker, so each worker would report a wrong setting. This check reports it once
and starts nothing. The command may be any server.
"""

from __future__ import annotations

import os
import sys

from clerk_sync.settings.settings import ConfigurationError, Settings
from clerk_sync.telemetry.stdio import open_missing_descriptors, say


def main(command: list[str]) -> int:
    """Execute ``command``. Return 2 if it is missing or a setting is wrong, 127 if it cannot be started."""
    open_missing_descriptors()
    if not command:
        say("usage: python -m clerk_sync.start COMMAND [ARGUMENT …]")
        return 2
    try:
        Settings.from_env(os.environ)
    except ConfigurationError as error:
        say(str(error))
        return 2
    try:
        os.execvp(command[0], command)  # noqa: S606 - the server replaces this process, without a shell
    except OSError as error:
        say(f"{command[0]} cannot be started: {error.strerror}")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
