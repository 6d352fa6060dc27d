"""Check the settings, then become the rest of the command line: ``python -m clerk_sync.start granian …``.

A server reads PORT and WEB_CONCURRENCY before the application does, and loads the application once a worker. Here a
wrong setting costs one sentence and nothing is started: not three hundred workers that each find out for themselves.
"""

from __future__ import annotations

import os
import sys

from clerk_sync.config import ConfigurationError, Settings


def main(command: list[str]) -> int:
    """Become ``command``; return 2 where there is none or the settings cannot be used, 127 for no such program."""
    if not command:
        sys.stderr.write("usage: python -m clerk_sync.start COMMAND [ARGUMENT …]\n")
        return 2
    try:
        Settings.from_env(os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted, and this process is to become the server
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
