"""Check the settings, then become the rest of the command line: ``python -m clerk_sync.start granian …``.

A server reads PORT and WEB_CONCURRENCY before the application does, and loads the application once a worker. Here a
wrong setting costs one report and nothing is started: three hundred workers do not find out each for itself. Any other
server can stand in granian's place.
"""

from __future__ import annotations

import os
import sys

from clerk_sync.settings.settings import ConfigurationError, Settings
from clerk_sync.telemetry.stdio import open_missing_descriptors, say


def main(command: list[str]) -> int:
    """Become ``command``; return 2 if there is none or the settings cannot be used, 127 if there is no such program."""
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
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted, and this process is to become the server
    except OSError as error:
        say(f"{command[0]} cannot be started: {error.strerror}")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
